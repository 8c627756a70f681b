// Dark or light: what was chosen last, else what the device prefers.

export function keepTheme() {
  try {
    const kept = localStorage.getItem("theme");
    document.documentElement.dataset.theme = kept ?? (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark");
  } catch {
    document.documentElement.dataset.theme = "dark";
  }
}

export function turnTheme() {
  const next = document.documentElement.dataset.theme === "light" ? "dark" : "light";
  document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem("theme", next);
  } catch {
    // Private windows may refuse; then it holds for this visit.
  }
}
