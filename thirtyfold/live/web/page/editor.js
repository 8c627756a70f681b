// A photo with its boxes on a canvas: drag, draw, zoom; mouse, pen and fingers alike.
// Shapes are never changed in place: each step makes a new list, so that undo is the list before.

import { between, handleAt, handlesOf, isLarge, moved, resized, shapeAt } from "/boxes.js";
import { inkOn } from "/ink.js";

const REACH = { mouse: 9, pen: 12, touch: 24 }; // CSS pixels around a handle
const CLOSEST = 24; // times the size that fits
const MOST_STEPS = 200;
const CURSORS = { nw: "nwse-resize", se: "nwse-resize", ne: "nesw-resize", sw: "nesw-resize", n: "ns-resize", s: "ns-resize", e: "ew-resize", w: "ew-resize" };

export class Editor {
  // `newShape(box)` gives a shape for a box that was drawn, or null; `onChange` is called after every change.
  constructor(canvas, { newShape, onChange }) {
    Object.assign(this, { canvas, newShape, onChange });
    this.context = canvas.getContext("2d");
    this.image = null;
    this.drawing = false; // the next drag draws, wherever it begins
    this.pointers = new Map();
    this.gesture = null;
    this.clear();
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#up(event));
    canvas.addEventListener("pointercancel", (event) => this.#up(event, true));
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    new ResizeObserver(() => this.fit()).observe(canvas);
  }

  clear() {
    this.image = null;
    this.draft = { shapes: [], past: [], future: [] };
    this.selected = -1;
    this.size = [1, 1];
    this.paint();
  }

  // `draft` is {shapes, past, future} and is changed by every step: handed in again, it goes on where it was left.
  show(image, size, draft) {
    Object.assign(this, { image, size, draft, selected: draft.shapes.length === 1 ? 0 : -1, gesture: null });
    this.fit();
    this.onChange();
  }

  get shapes() {
    return this.draft.shapes;
  }

  get canUndo() {
    return this.draft.past.length > 0;
  }

  get canRedo() {
    return this.draft.future.length > 0;
  }

  undo() {
    this.#step("past", "future");
  }

  redo() {
    this.#step("future", "past");
  }

  select(index) {
    this.selected = index;
    this.paint();
    this.onChange();
  }

  selectNext() {
    if (this.shapes.length) this.select((this.selected + 1) % this.shapes.length);
  }

  remove() {
    if (this.selected < 0) return;
    const at = this.selected;
    this.selected = -1;
    this.#commit(this.shapes.filter((_, index) => index !== at));
  }

  // `change` is laid over the chosen shape.
  alter(change) {
    if (this.selected < 0) return;
    this.#commit(this.shapes.map((shape, index) => (index === this.selected ? { ...shape, ...change } : shape)));
  }

  // Moves the chosen box, or with `resize` its lower right corner.
  nudge(dx, dy, resize) {
    const shape = this.shapes[this.selected];
    if (!shape || !shape.isBox) return;
    const box = resize ? resized(shape.box, "se", [shape.box[2] + dx, shape.box[3] + dy], this.size) : moved(shape.box, dx, dy, this.size);
    this.alter({ box, changed: true });
  }

  fit() {
    const { canvas } = this;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const margin = Math.min(14, width / 30);
    this.fitting = Math.min((width - 2 * margin) / this.size[0], (height - 2 * margin) / this.size[1]);
    this.scale = this.fitting;
    this.offset = [(width - this.size[0] * this.scale) / 2, (height - this.size[1] * this.scale) / 2];
    this.paint();
  }

  // About a point of the canvas; about its middle without one.
  zoom(factor, at = [this.canvas.clientWidth / 2, this.canvas.clientHeight / 2]) {
    const scale = Math.min(Math.max(this.scale * factor, this.fitting), this.fitting * CLOSEST);
    const k = scale / this.scale;
    this.scale = scale;
    this.#pan(at[0] - (at[0] - this.offset[0]) * k, at[1] - (at[1] - this.offset[1]) * k);
  }

  #pan(x, y) {
    // The photo never leaves the canvas; where it is smaller it stands in the middle.
    const place = (value, room, length) => (length <= room ? (room - length) / 2 : Math.min(0, Math.max(room - length, value)));
    this.offset = [
      place(x, this.canvas.clientWidth, this.size[0] * this.scale),
      place(y, this.canvas.clientHeight, this.size[1] * this.scale),
    ];
    this.paint();
  }

  #step(from, to) {
    const shapes = this.draft[from].pop();
    if (!shapes) return;
    this.draft[to].push(this.draft.shapes);
    this.draft.shapes = shapes;
    if (this.selected >= shapes.length) this.selected = -1;
    this.paint();
    this.onChange();
  }

  #commit(shapes) {
    this.draft.past = [...this.draft.past, this.draft.shapes].slice(-MOST_STEPS);
    this.draft.future = [];
    this.draft.shapes = shapes;
    this.paint();
    this.onChange();
  }

  // --- pointers ------------------------------------------------------------------------------------

  #at(event) {
    const frame = this.canvas.getBoundingClientRect();
    return [event.clientX - frame.left, event.clientY - frame.top];
  }

  #toPhoto([x, y]) {
    return [(x - this.offset[0]) / this.scale, (y - this.offset[1]) / this.scale];
  }

  #down(event) {
    if (!this.image) return;
    event.preventDefault(); // else the label list would open its keyboard, and text be selected
    this.canvas.focus({ preventScroll: true });
    try {
      this.canvas.setPointerCapture(event.pointerId);
    } catch {
      // The pointer is gone already.
    }
    const at = this.#at(event);
    this.pointers.set(event.pointerId, at);
    if (this.pointers.size === 2) {
      this.gesture = { kind: "pinch" };
      this.paint();
    } else if (this.pointers.size === 1) {
      this.gesture = event.button === 1 || event.button === 2 ? { kind: "pan", last: at } : this.#begin(at, event.pointerType);
      this.paint();
      this.onChange();
    }
  }

  #begin(at, pointerType) {
    const point = this.#toPhoto(at);
    const reach = (REACH[pointerType] ?? REACH.mouse) / this.scale;
    if (!this.drawing) {
      const chosen = this.shapes[this.selected];
      const handle = chosen && chosen.isBox ? handleAt(chosen.box, point, reach) : null;
      if (handle) return { kind: "resize", handle, index: this.selected, from: point, was: chosen.box, box: chosen.box };
      const other = this.shapes.findIndex((shape) => shape.isBox && handleAt(shape.box, point, reach / 2));
      if (other >= 0) {
        this.selected = other;
        const { box } = this.shapes[other];
        return { kind: "resize", handle: handleAt(box, point, reach / 2), index: other, from: point, was: box, box };
      }
      const index = shapeAt(this.shapes, point);
      if (index >= 0) {
        this.selected = index;
        const { box, isBox } = this.shapes[index];
        return { kind: isBox ? "move" : "choose", index, from: point, was: box, box };
      }
    }
    this.selected = -1;
    return { kind: "draw", from: point, box: between(point, point, this.size) };
  }

  #move(event) {
    const at = this.#at(event);
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      if (this.image && event.pointerType === "mouse") this.#showCursor(at);
      return;
    }
    const { gesture } = this;
    if (gesture?.kind === "pinch") {
      const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
      const apart = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
      const middle = (a, b) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
      this.pointers.set(event.pointerId, at);
      if (!other) return;
      const [was, is] = [middle(before, other), middle(at, other)];
      this.zoom(apart(at, other) / Math.max(1, apart(before, other)), was);
      this.#pan(this.offset[0] + is[0] - was[0], this.offset[1] + is[1] - was[1]);
      return;
    }
    this.pointers.set(event.pointerId, at);
    if (!gesture || gesture.kind === "choose") return;
    if (gesture.kind === "pan") {
      this.#pan(this.offset[0] + at[0] - gesture.last[0], this.offset[1] + at[1] - gesture.last[1]);
      gesture.last = at;
      return;
    }
    const point = this.#toPhoto(at);
    const [dx, dy] = [point[0] - gesture.from[0], point[1] - gesture.from[1]];
    // A finger trembles; a click is no drag.
    if (!gesture.begun && Math.hypot(dx, dy) * this.scale < (event.pointerType === "touch" ? 6 : 2)) return;
    gesture.begun = true;
    if (gesture.kind === "draw") gesture.box = between(gesture.from, point, this.size);
    if (gesture.kind === "move") gesture.box = moved(gesture.was, dx, dy, this.size);
    if (gesture.kind === "resize") gesture.box = this.#pulled(gesture, dx, dy);
    this.paint();
  }

  // By how far the hand went, not to where it is: who takes a corner beside it does not make it jump.
  #pulled({ was, handle }, dx, dy) {
    const x = handle.includes("w") ? was[0] : was[2];
    const y = handle.includes("n") ? was[1] : was[3];
    return resized(was, handle, [x + dx, y + dy], this.size);
  }

  #up(event, cancelled = false) {
    if (!this.pointers.delete(event.pointerId)) return;
    const { gesture } = this;
    if (gesture?.kind === "pinch") {
      if (!this.pointers.size) this.gesture = null;
      return;
    }
    this.gesture = null;
    if (gesture?.begun && !cancelled) {
      if (gesture.kind === "draw") this.#draw(gesture.box);
      else if (gesture.kind !== "pan") {
        this.#commit(this.shapes.map((shape, index) => (index === gesture.index ? { ...shape, box: gesture.box, changed: true } : shape)));
      }
    }
    this.paint();
    this.onChange();
  }

  #draw(box) {
    if (!isLarge(box)) return;
    const shape = this.newShape(box);
    if (!shape) return;
    this.drawing = false;
    this.selected = this.shapes.length;
    this.#commit([...this.shapes, shape]);
  }

  #wheel(event) {
    if (!this.image) return;
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), this.#at(event));
  }

  #showCursor(at) {
    const point = this.#toPhoto(at);
    let cursor = "crosshair";
    if (!this.drawing) {
      const chosen = this.shapes[this.selected];
      const handle = chosen?.isBox ? handleAt(chosen.box, point, REACH.mouse / this.scale) : null;
      if (handle) cursor = CURSORS[handle];
      else if (shapeAt(this.shapes, point) >= 0) cursor = "move";
    }
    this.canvas.dataset.cursor = cursor;
  }

  // --- the picture ---------------------------------------------------------------------------------

  paint() {
    const { canvas, context } = this;
    const ratio = window.devicePixelRatio || 1;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!this.image) return;
    context.setTransform(ratio * this.scale, 0, 0, ratio * this.scale, ratio * this.offset[0], ratio * this.offset[1]);
    context.imageSmoothingEnabled = this.scale < 4;
    context.drawImage(this.image, 0, 0, ...this.size);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const { gesture } = this;
    this.shapes.forEach((shape, index) => {
      if (index !== this.selected) this.#paintShape(shape, shape.box, false);
    });
    const chosen = this.shapes[this.selected];
    if (chosen) this.#paintShape(chosen, gesture?.index === this.selected && gesture.box ? gesture.box : chosen.box, true);
    if (gesture?.kind === "draw" && gesture.begun) this.#paintShape({ label: "", color: "#ffffff", isBox: true }, gesture.box, false);
  }

  #toCanvas([x, y]) {
    return [x * this.scale + this.offset[0], y * this.scale + this.offset[1]];
  }

  #paintShape(shape, box, isChosen) {
    const { context } = this;
    const [left, top] = this.#toCanvas(box);
    const [right, bottom] = this.#toCanvas([box[2], box[3]]);
    context.beginPath();
    if (shape.isBox) context.rect(left, top, right - left, bottom - top);
    else this.#outline(shape, [left, top, right, bottom]);
    // A dark line under the coloured one: seen on any photo.
    context.setLineDash([]);
    context.lineJoin = "round";
    context.strokeStyle = "rgb(0 0 0 / 55%)";
    context.lineWidth = isChosen ? 5 : 4;
    context.stroke();
    context.strokeStyle = shape.color;
    context.lineWidth = isChosen ? 3 : 2;
    if (shape.score !== null && shape.score !== undefined) context.setLineDash([7, 5]);
    context.stroke();
    context.setLineDash([]);
    if (isChosen) {
      context.fillStyle = `${shape.color}1a`;
      context.fill();
      if (shape.isBox) this.#paintHandles(box);
    }
    if (shape.label) this.#paintName(shape, left, top);
  }

  #outline({ kind, points }, [left, top, right, bottom]) {
    const { context } = this;
    const places = points.map((point) => this.#toCanvas(point));
    if (kind === "circle" || kind === "point") {
      const [radiusX, radiusY] = kind === "point" ? [4, 4] : [(right - left) / 2, (bottom - top) / 2];
      context.ellipse((left + right) / 2, (top + bottom) / 2, radiusX, radiusY, 0, 0, 2 * Math.PI);
      return;
    }
    places.forEach(([x, y], index) => (index ? context.lineTo(x, y) : context.moveTo(x, y)));
    if (kind === "polygon") context.closePath();
  }

  #paintHandles(box) {
    const { context } = this;
    for (const [, x, y] of handlesOf(box)) {
      const [cx, cy] = this.#toCanvas([x, y]);
      context.beginPath();
      context.rect(cx - 4.5, cy - 4.5, 9, 9);
      context.fillStyle = "#fff";
      context.fill();
      context.strokeStyle = "#000";
      context.lineWidth = 1.5;
      context.stroke();
    }
  }

  #paintName({ label, score, color }, left, top) {
    const { context, canvas } = this;
    const text = score === null || score === undefined ? label : `${label} ${Math.round(score * 100)}%`;
    context.font = "600 13px system-ui, sans-serif";
    const width = context.measureText(text).width + 10;
    const x = Math.max(0, Math.min(left - 1, canvas.clientWidth - width));
    const y = top >= 24 ? top - 22 : top + 6;
    context.fillStyle = color;
    context.fillRect(x, y, width, 19);
    context.fillStyle = inkOn(color);
    context.textBaseline = "middle";
    context.fillText(text, x + 5, y + 10);
  }
}
