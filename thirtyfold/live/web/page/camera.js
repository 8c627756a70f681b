// The viewer's own camera: frames to the server, boxes back, drawn here.
// One frame is on its way at most; the next one sent is always the newest.

import { drawBox } from "/boxdraw.js";
import { openSocket, retryMs } from "/connection.js";
import { Webcam } from "/webcam.js";

const LONGEST_SIDE = 640;
const JPEG_QUALITY = 0.8;

export class OwnCamera {
  constructor(video, canvas, { shows, colorOf, onBoxes, onTrouble, onPicture }) {
    Object.assign(this, { video, canvas, shows, colorOf, onBoxes, onTrouble, onPicture });
    this.webcam = new Webcam(video, { onLost: (text) => onTrouble(text, true) });
    this.context = canvas.getContext("2d");
    this.small = document.createElement("canvas");
    this.threshold = null;
    this.camera = null; // the name by which the server knows it
    this.boxes = [];
    this.boxesAt = null; // when the frame they were found on was taken
    this.inFlight = false;
    this.paused = false;
    this.covered = false; // something else has the canvas
    this.mirrored = true;
    this.tries = 0;
    this.answers = [];
    document.addEventListener("visibilitychange", () => this.#send());
  }

  // Opens the camera; throws an Error whose message is for the person.
  async open() {
    await this.webcam.open();
    this.#show();
  }

  async turn() {
    const turning = this.webcam.turn();
    this.mirrored = this.webcam.showsThePerson;
    await turning;
    this.#show();
  }

  #show() {
    this.canvas.hidden = false;
    this.#connect();
    if (!this.drawing) this.#draw();
    this.onPicture();
  }

  // The server steadies what is above it.
  setThreshold(threshold) {
    this.threshold = threshold;
    if (this.camera && threshold !== null) this.socket.send(JSON.stringify({ threshold }));
  }

  pause(paused) {
    this.paused = paused;
    if (paused) this.video.pause();
    else this.video.play();
    this.#send();
  }

  // Leaves the canvas to something else, and takes it back.
  cover(covered) {
    this.covered = covered;
    if (!covered) this.canvas.hidden = !this.video.videoWidth;
    this.#send();
  }

  stop() {
    this.stopped = true;
    this.webcam.stop();
    if (this.socket) this.socket.close();
  }

  get size() {
    return this.canvas.hidden ? [0, 0] : [this.canvas.width, this.canvas.height];
  }

  paint(context) {
    context.drawImage(this.canvas, 0, 0);
  }

  #connect() {
    if (this.socket || this.stopped) return; // another camera was opened before the next try
    const socket = openSocket("/ws/camera");
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.addEventListener("open", () => (this.tries = 0));
    socket.addEventListener("message", (event) => this.#receive(JSON.parse(event.data)));
    socket.addEventListener("close", (event) => {
      this.inFlight = false;
      this.camera = null;
      this.socket = null;
      if (this.stopped) return;
      if (event.reason) this.onTrouble(event.reason);
      setTimeout(() => this.#connect(), retryMs(this.tries++));
    });
  }

  #receive(answer) {
    if (answer.camera) {
      this.camera = answer.camera;
      this.setThreshold(this.threshold);
    } else {
      this.inFlight = false;
      if (answer.error) {
        this.onTrouble(answer.error);
      } else {
        const now = performance.now();
        const scale = this.sentWidth / answer.size_wh[0];
        this.boxes = answer.boxes.map((box) => ({ ...box, xyxy: box.xyxy.map((value) => value * scale) }));
        // How old the boxes before had become when these replaced them.
        const lag_ms = this.boxesAt === null ? null : now - this.boxesAt;
        this.boxesAt = this.sentAt;
        this.answers = [...this.answers.filter((at) => now - at < 2000), now];
        this.onBoxes({ model_ms: answer.model_ms, age_ms: now - this.sentAt, lag_ms, fps: this.#rate() });
      }
    }
    this.#send();
  }

  #rate() {
    const seconds = (this.answers.at(-1) - this.answers[0]) / 1000;
    return seconds > 0 ? (this.answers.length - 1) / seconds : 0;
  }

  // Sends the newest frame, unless one is on its way.
  #send() {
    const { video } = this;
    if (this.inFlight || this.paused || this.covered || document.hidden || !this.camera || !video.videoWidth) return;
    if (video.currentTime === this.sentTime) {
      // No newer frame yet.
      clearTimeout(this.again);
      this.again = setTimeout(() => this.#send(), 5);
      return;
    }
    this.inFlight = true;
    this.sentTime = video.currentTime;
    this.sentAt = performance.now();
    this.sentWidth = video.videoWidth;
    const scale = Math.min(1, LONGEST_SIDE / Math.max(video.videoWidth, video.videoHeight));
    this.small.width = Math.round(video.videoWidth * scale);
    this.small.height = Math.round(video.videoHeight * scale);
    this.small.getContext("2d").drawImage(video, 0, 0, this.small.width, this.small.height);
    this.small.toBlob(
      (blob) => {
        if (this.socket && this.socket.readyState === WebSocket.OPEN && blob) this.socket.send(blob);
        else this.inFlight = false;
      },
      "image/jpeg",
      JPEG_QUALITY,
    );
  }

  #draw() {
    this.drawing = true;
    const { video, canvas, context } = this;
    if (video.videoWidth && !this.covered) {
      if (canvas.width !== video.videoWidth || canvas.height !== video.videoHeight) {
        canvas.width = video.videoWidth;
        canvas.height = video.videoHeight;
      }
      context.save();
      if (this.mirrored) context.setTransform(-1, 0, 0, 1, canvas.width, 0);
      context.drawImage(video, 0, 0);
      context.restore();
      for (const box of this.boxes) {
        if (this.shows(box)) drawBox(context, box, this.colorOf(box.labels.at(-1)), { mirrored: this.mirrored });
      }
      this.#send();
    }
    if (!this.stopped) requestAnimationFrame(() => this.#draw());
  }
}
