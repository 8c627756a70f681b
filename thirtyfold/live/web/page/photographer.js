// The page's own camera as the one that takes the photos: frames to the server, one on its way at most.

import { countWebcams, openWebcam } from "/webcam.js";

const JPEG_QUALITY = 0.92;
const LARGEST_WH = [1920, 1200];
const PAUSE_MS = 120; // eight frames a second are enough to choose a sharp one from
const RETRY_MS = [500, 1000, 2000, 4000];

export class Photographer {
  constructor(video, { onTrouble, onPicture }) {
    Object.assign(this, { video, onTrouble, onPicture });
    this.canvas = document.createElement("canvas");
    this.facing = "user";
    this.tries = 0;
  }

  async open() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = await openWebcam(this.facing);
    this.video.srcObject = this.stream;
    this.stream.getVideoTracks()[0].addEventListener("ended", () => this.onTrouble("The camera was unplugged or taken away.", true));
    await this.video.play();
    this.onPicture();
    if (!this.socket) this.#connect();
  }

  get mirrored() {
    return this.facing === "user";
  }

  cameras() {
    return countWebcams();
  }

  async turn() {
    this.facing = this.facing === "user" ? "environment" : "user";
    await this.open();
  }

  stop() {
    this.stopped = true;
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.socket?.close();
  }

  #connect() {
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/camera`);
    this.socket = socket;
    socket.addEventListener("message", (event) => {
      const answer = JSON.parse(event.data);
      if (answer.ready) this.tries = 0;
      if (answer.error) this.onTrouble(answer.error);
      setTimeout(() => this.#send(), PAUSE_MS);
    });
    socket.addEventListener("close", (event) => {
      this.socket = null;
      if (this.stopped) return;
      if (event.reason) this.onTrouble(event.reason);
      setTimeout(() => this.stopped || this.#connect(), RETRY_MS[Math.min(this.tries++, RETRY_MS.length - 1)]);
    });
  }

  #send() {
    const { video, canvas, socket } = this;
    if (this.stopped || socket?.readyState !== WebSocket.OPEN) return;
    if (!video.videoWidth || document.hidden) {
      setTimeout(() => this.#send(), 250);
      return;
    }
    const scale = Math.min(1, LARGEST_WH[0] / video.videoWidth, LARGEST_WH[1] / video.videoHeight);
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => socket.readyState === WebSocket.OPEN && blob && socket.send(blob), "image/jpeg", JPEG_QUALITY);
  }
}
