// Records what is seen into a video of the browser's own; nothing is written on the server.

const KINDS = ["video/mp4;codecs=avc1", "video/webm;codecs=vp9", "video/webm;codecs=vp8", "video/webm"];
const FRAMES_A_SECOND = 30;

export class Recorder {
  // `surface` has a size and paints itself onto a canvas.
  constructor(surface) {
    this.surface = surface;
    this.canvas = document.createElement("canvas");
    this.context = this.canvas.getContext("2d");
  }

  start() {
    const kind = typeof MediaRecorder === "undefined" ? undefined : KINDS.find((name) => MediaRecorder.isTypeSupported(name));
    if (!kind) throw new Error("this browser cannot record");
    [this.canvas.width, this.canvas.height] = this.surface.size;
    this.#paint();
    const stream = this.canvas.captureStream(FRAMES_A_SECOND);
    const chunks = [];
    this.recorder = new MediaRecorder(stream, { mimeType: kind, videoBitsPerSecond: 5_000_000 });
    this.recorder.addEventListener("dataavailable", (event) => event.data.size && chunks.push(event.data));
    this.ended = new Promise((resolve) => {
      this.recorder.addEventListener("stop", () => {
        for (const track of stream.getTracks()) track.stop();
        const type = kind.split(";")[0];
        resolve({ blob: new Blob(chunks, { type }), ending: type.split("/")[1] });
      });
    });
    this.recorder.start(1000);
    this.startedAt = performance.now();
    this.timer = setInterval(() => this.#paint(), 1000 / FRAMES_A_SECOND);
  }

  // The video: {blob, ending}.
  async stop() {
    clearInterval(this.timer);
    this.recorder.stop();
    return this.ended;
  }

  get seconds() {
    return (performance.now() - this.startedAt) / 1000;
  }

  #paint() {
    this.surface.paint(this.context);
  }
}

export async function snapshot(surface) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = surface.size;
  surface.paint(canvas.getContext("2d"));
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.95));
}

export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
