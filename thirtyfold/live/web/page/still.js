// A picture from the viewer's device: sent once, through the same door as a camera's frames, and kept nowhere.

import { drawBox } from "/boxdraw.js";
import { openSocket } from "/connection.js";

const MOST_PIXELS = 1920 * 1200; // what the server takes
const MOST_BYTES = 1_900_000;
const LONGEST_SIDE = 4096; // what every browser can draw on
const QUALITIES = [0.92, 0.8, 0.6];
const ANSWER_MS = 60_000;

export class StillPicture {
  constructor(canvas, { shows, colorOf }) {
    Object.assign(this, { canvas, shows, colorOf });
    this.context = canvas.getContext("2d");
    this.boxes = [];
  }

  // Shows the file's picture and asks for its boxes; throws an Error whose message is for the person.
  async open(file, threshold) {
    let bitmap;
    try {
      bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
    } catch {
      throw new Error("This browser cannot read that file as a picture; try a JPEG or a PNG.");
    }
    this.picture = scaled(bitmap, Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height)));
    this.boxes = [];
    this.draw();
    const sent = scaled(this.picture, Math.min(1, Math.sqrt(MOST_PIXELS / (this.picture.width * this.picture.height))));
    const started = performance.now();
    const answer = await ask(await encoded(sent), threshold);
    const scale = this.picture.width / answer.size_wh[0];
    this.boxes = answer.boxes.map((box) => ({ ...box, xyxy: box.xyxy.map((value) => value * scale) }));
    this.draw();
    return { fps: null, model_ms: answer.model_ms, age_ms: performance.now() - started, lag_ms: null };
  }

  draw() {
    const { canvas, context, picture } = this;
    canvas.width = picture.width;
    canvas.height = picture.height;
    canvas.hidden = false;
    context.drawImage(picture, 0, 0);
    for (const box of this.boxes) if (this.shows(box)) drawBox(context, box, this.colorOf(box.labels.at(-1)));
  }

  get size() {
    return [this.canvas.width, this.canvas.height];
  }

  paint(context) {
    context.drawImage(this.canvas, 0, 0);
  }
}

function scaled(picture, scale) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.floor(picture.width * scale));
  canvas.height = Math.max(1, Math.floor(picture.height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // JPEG knows no transparency
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return canvas;
}

async function encoded(canvas) {
  for (const quality of QUALITIES) {
    const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", quality));
    if (blob && blob.size <= MOST_BYTES) return blob;
  }
  throw new Error("The picture is too large to be sent.");
}

// One question, one answer, on a connection of its own: a camera's boxes are steadied, a picture's are not.
function ask(blob, threshold) {
  return new Promise((done, fail) => {
    const socket = openSocket("/ws/camera");
    const giveUp = setTimeout(() => end(fail, new Error("No answer came; try again.")), ANSWER_MS);
    function end(how, value) {
      clearTimeout(giveUp);
      how(value);
      socket.close();
    }
    socket.addEventListener("message", (event) => {
      const answer = JSON.parse(event.data);
      if (answer.camera) {
        socket.send(JSON.stringify({ threshold, still: true }));
        socket.send(blob);
      } else if (answer.error) {
        end(fail, new Error(answer.error));
      } else {
        end(done, answer);
      }
    });
    socket.addEventListener("close", (event) => end(fail, new Error(event.reason || "The connection was lost.")));
  });
}
