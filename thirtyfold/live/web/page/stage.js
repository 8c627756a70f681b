// What the pages have in common around their picture: a notice, a text in its place, full screen, the dialog before the end.

export const $ = (id) => document.getElementById(id);
export const NOTICE_MS = 3500;

let noticeTimer = 0;
let noticeUntil = 0;

// Shown over the picture for `ms`; the same text again makes it stay longer, never shorter.
export function notify(text, ms = NOTICE_MS) {
  const notice = $("notice");
  const isNew = notice.textContent !== text;
  if (isNew) notice.textContent = text;
  notice.classList.add("shown");
  clearTimeout(noticeTimer);
  noticeUntil = Math.max(isNew ? 0 : noticeUntil, performance.now() + ms);
  if (noticeUntil < Infinity) noticeTimer = setTimeout(() => notice.classList.remove("shown"), noticeUntil - performance.now());
}

// Shown in place of the picture until `#waiting` is hidden; with `retry` there is a button that calls it.
export function wait(text, retry = null) {
  const line = document.createElement("span");
  line.textContent = text;
  $("waiting").replaceChildren(line);
  $("waiting").hidden = false;
  if (!retry) return;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Try again";
  button.addEventListener("click", retry);
  $("waiting").append(document.createElement("br"), button);
}

export function fullScreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else if ($("frame").requestFullscreen) $("frame").requestFullscreen();
}

// The dialog that asks first; `stop` is called when the person means it.
export function stopDialog(stop) {
  const dialog = $("ask-stop");
  $("do-stop").addEventListener("click", () => {
    dialog.close();
    stop();
  });
  $("dont-stop").addEventListener("click", () => dialog.close());
  return dialog;
}
