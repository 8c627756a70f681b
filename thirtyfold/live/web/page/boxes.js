// The geometry of boxes: [left, top, right, bottom] in pixels of the photo. Nothing here changes what it is given.

const SMALLEST = 3;

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// The eight places to take a box by: name, and where it is.
export function handlesOf([left, top, right, bottom]) {
  const [x, y] = [(left + right) / 2, (top + bottom) / 2];
  return [
    ["nw", left, top],
    ["ne", right, top],
    ["se", right, bottom],
    ["sw", left, bottom],
    ["n", x, top],
    ["e", right, y],
    ["s", x, bottom],
    ["w", left, y],
  ];
}

// The handle within `reach` of the point, or the edge; null where there is none.
export function handleAt(box, [x, y], reach) {
  let nearest = null;
  let distance = reach;
  for (const [name, hx, hy] of handlesOf(box)) {
    const apart = Math.hypot(hx - x, hy - y);
    // Corners win over the middles of edges where a box is small.
    if (apart <= distance - (name.length === 1 ? 0.01 : 0)) [nearest, distance] = [name, apart];
  }
  if (nearest) return nearest;
  const [left, top, right, bottom] = box;
  const along = (value, from, to) => value >= from - reach && value <= to + reach;
  const edge = reach / 2;
  if (along(y, top, bottom) && Math.abs(x - left) <= edge) return "w";
  if (along(y, top, bottom) && Math.abs(x - right) <= edge) return "e";
  if (along(x, left, right) && Math.abs(y - top) <= edge) return "n";
  if (along(x, left, right) && Math.abs(y - bottom) <= edge) return "s";
  return null;
}

// The index of the smallest shape around the point, -1 where there is none.
export function shapeAt(shapes, [x, y]) {
  let found = -1;
  let smallest = Infinity;
  shapes.forEach(({ box }, index) => {
    const [left, top, right, bottom] = box;
    const area = (right - left) * (bottom - top);
    if (x >= left && x <= right && y >= top && y <= bottom && area < smallest) [found, smallest] = [index, area];
  });
  return found;
}

// The box between two points, inside of the photo.
export function between([ax, ay], [bx, by], [width, height]) {
  return [
    clamp(Math.min(ax, bx), 0, width),
    clamp(Math.min(ay, by), 0, height),
    clamp(Math.max(ax, bx), 0, width),
    clamp(Math.max(ay, by), 0, height),
  ];
}

// A corner or edge taken to a point; over the opposite side it turns around.
export function resized([left, top, right, bottom], handle, [x, y], [width, height]) {
  const at = [clamp(x, 0, width), clamp(y, 0, height)];
  const sides = [left, top, right, bottom];
  if (handle.includes("w")) sides[0] = at[0];
  if (handle.includes("e")) sides[2] = at[0];
  if (handle.includes("n")) sides[1] = at[1];
  if (handle.includes("s")) sides[3] = at[1];
  const [x1, x2] = apart(sides[0], sides[2], handle.includes("w"));
  const [y1, y2] = apart(sides[1], sides[3], handle.includes("n"));
  return [x1, y1, x2, y2];
}

function apart(first, second, movesFirst) {
  if (Math.abs(second - first) >= SMALLEST) return [Math.min(first, second), Math.max(first, second)];
  return movesFirst ? [second - SMALLEST, second] : [first, first + SMALLEST];
}

// The whole box moved; what lies in the photo stays in it.
export function moved([left, top, right, bottom], dx, dy, [width, height]) {
  const x = clamp(dx, Math.min(0, -left), Math.max(0, width - right));
  const y = clamp(dy, Math.min(0, -top), Math.max(0, height - bottom));
  return [left + x, top + y, right + x, bottom + y];
}

export const isLarge = ([left, top, right, bottom]) => right - left >= SMALLEST && bottom - top >= SMALLEST;
