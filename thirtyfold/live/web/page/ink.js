// Colours of labels, and of the letters on them.

// The colour of a label among `known`, [{label, color}]; orange for one that is not there.
export const colorIn = (known, label) => known.find((one) => one.label === label)?.color ?? "#e69f00";

// Black or white, whichever has the higher contrast to a colour "#rrggbb" (WCAG 2.2, 1.4.3).
export function inkOn(color) {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const share = parseInt(color.slice(at, at + 2), 16) / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff";
}
