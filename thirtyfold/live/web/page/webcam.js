// The camera of whoever looks at the page, shown in a <video>.

export class Webcam {
  // `onLost` is called with a sentence when the camera goes away by itself.
  constructor(video, { onLost }) {
    this.video = video;
    this.onLost = onLost;
    this.facing = "user"; // or "environment"
  }

  // Throws an Error whose message is for the person.
  async open() {
    this.stop();
    this.stream = await streamOf(this.facing);
    this.video.srcObject = this.stream;
    this.stream.getVideoTracks()[0].addEventListener("ended", () => this.onLost("The camera was unplugged or taken away."));
    await this.video.play();
  }

  // The camera on the other side of a phone.
  async turn() {
    this.facing = this.facing === "user" ? "environment" : "user";
    await this.open();
  }

  // People expect to see themselves as in a mirror.
  get showsThePerson() {
    return this.facing === "user";
  }

  stop() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
  }

  // How many cameras the device has.
  async count() {
    const devices = await navigator.mediaDevices.enumerateDevices();
    return devices.filter((device) => device.kind === "videoinput").length;
  }
}

async function streamOf(facing) {
  if (!navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) {
    const port = location.port || "80";
    throw new Error(
      "Browsers give their camera only to pages on https or on this machine itself.\n" +
        `Make a tunnel:  ssh -L ${port}:127.0.0.1:${port} ${location.hostname}\n` +
        `and open the printed link with 127.0.0.1 instead of ${location.hostname}; or start with --certificate.`,
    );
  }
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { width: { ideal: 1280 }, height: { ideal: 720 }, facingMode: facing },
    });
  } catch (error) {
    throw new Error(reasonOf(error));
  }
}

function reasonOf(error) {
  switch (error.name) {
    case "NotAllowedError":
      return "The browser was told not to give this page the camera.\nAllow it (the camera or lock sign beside the address), then try again.";
    case "NotFoundError":
    case "OverconstrainedError":
      return "No camera was found on this device.";
    case "NotReadableError":
      return "The camera is in use by another program.\nClose that one, then try again.";
    default:
      return `The camera could not be opened (${error.name}).`;
  }
}
