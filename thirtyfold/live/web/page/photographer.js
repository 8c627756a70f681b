// The page's own camera as the one that takes the photos: frames to the server, one on its way at most.

import { openSocket, retryMs } from "/connection.js";
import { Webcam } from "/webcam.js";

const JPEG_QUALITY = 0.92;
const LARGEST_WH = [1920, 1200];
const PAUSE_MS = 120; // eight frames a second are enough to choose a sharp one from

export class Photographer {
  constructor(video, { onTrouble, onPicture }) {
    Object.assign(this, { video, onTrouble, onPicture });
    this.webcam = new Webcam(video, { onLost: (text) => onTrouble(text, true) });
    this.canvas = document.createElement("canvas");
    this.tries = 0;
  }

  // Throws an Error whose message is for the person.
  async open() {
    await this.webcam.open();
    this.onPicture();
    this.#connect();
  }

  stop() {
    this.stopped = true;
    this.webcam.stop();
    this.socket?.close();
  }

  #connect() {
    if (this.socket || this.stopped) return; // another camera was opened before the next try
    const socket = openSocket("/ws/camera");
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
      setTimeout(() => this.#connect(), retryMs(this.tries++));
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
