// A box and its text on a canvas, as `drawing.py` draws them.

import { inkOn } from "/ink.js";

// `box` has `labels`, `caption` and `xyxy` in pixels of the canvas; `mirrored` turns its place, not its text.
export function drawBox(context, { caption: text, xyxy }, color, { mirrored = false } = {}) {
  const { canvas } = context;
  const [x1, y1, x2, y2] = xyxy.map(Math.round); // else lines are blurred
  const line = Math.max(2, Math.round(Math.max(canvas.width, canvas.height) / 320));
  const left = mirrored ? canvas.width - x2 : x1;
  context.lineWidth = line;
  context.strokeStyle = color;
  context.strokeRect(left, y1, x2 - x1, y2 - y1);
  context.font = `600 ${Math.max(13, line * 7)}px system-ui, sans-serif`;
  const width = context.measureText(text).width + 4 * line;
  const height = Math.max(18, line * 9);
  const textLeft = Math.max(0, Math.min(left - line / 2, canvas.width - width));
  const textTop = Math.max(0, y1 - height);
  context.fillStyle = color;
  context.fillRect(textLeft, textTop, width, height);
  context.fillStyle = inkOn(color);
  context.textBaseline = "middle";
  context.fillText(text, textLeft + 2 * line, textTop + height / 2);
}
