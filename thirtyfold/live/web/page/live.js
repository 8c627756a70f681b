// The page: state in over a WebSocket, orders out by POST, buttons and keys between them.

import { OwnCamera } from "/camera.js";
import { followState } from "/connection.js";
import { colorIn } from "/ink.js";
import { ServerPicture } from "/picture.js";
import { Recorder, download, snapshot } from "/recorder.js";
import { $, NOTICE_MS, fullScreen, notify, stopDialog, wait } from "/stage.js";
import { StillPicture } from "/still.js";
import { keepTheme, turnTheme } from "/theme.js";

const STEP = 0.05;
const AGAIN_MS = 1200;
const TOUCHED_MS = 800;

let state = null; // the server's, as it came last
let surface = null; // ServerPicture or OwnCamera
let still = null; // a StillPicture that is shown instead
let recorder = null;
let own = null; // with the viewer's own camera: {threshold, hidden, paused}
let touchedAt = -Infinity; // when the person moved the slider last
let clickedAt = -Infinity; // when a class was turned on or off last
let messages = 0;

// --- what is shown -------------------------------------------------------------------------------

const threshold = () => (own ? own.threshold : state.threshold);
const hidden = () => (own ? own.hidden : new Set(state.hidden));
const paused = () => (own ? own.paused : state.paused);
const colorOf = (label) => colorIn(state.classes, label);
const shows = (box) => (box.score ?? 1) >= threshold() && !box.labels.some((label) => hidden().has(label));

function show() {
  $("source").textContent = still ? "a picture of yours" : own ? "your camera" : state.source;
  document.title = `${own ? "your camera" : state.source} – thirtyfold live`;
  $("facts").textContent = `Model: ${state.model}`;
  if (!own) {
    showNumbers(state);
    showFound(state.found);
  }
  showThreshold();
  showClasses();
  const isPaused = paused();
  $("held").hidden = !isPaused;
  $("pause").setAttribute("aria-pressed", isPaused);
  $("pause").firstElementChild.textContent = isPaused ? "Go on" : "Pause";
  // What is still so is told again and again; it stays until it is over.
  if (state.message) notify(state.message, state.messages === messages ? AGAIN_MS : NOTICE_MS);
  messages = state.messages;
}

function showNumbers({ fps, age_ms, model_ms, lag_ms }) {
  $("fps").textContent = fps === null ? "–" : fps.toFixed(1);
  milliseconds($("age"), age_ms);
  milliseconds($("model-ms"), model_ms);
  milliseconds($("lag"), lag_ms);
}

function milliseconds(element, value) {
  if (value === null || value === undefined) {
    element.textContent = "–";
    return;
  }
  const unit = document.createElement("small");
  unit.textContent = " ms";
  element.replaceChildren(value < 9.95 ? value.toFixed(1) : Math.round(value), unit);
}

function countFound(boxes) {
  const found = Object.create(null);
  for (const box of boxes) {
    const name = box.labels.join(": ");
    if (state && shows(box)) found[name] = (found[name] ?? 0) + 1;
  }
  showFound(found);
}

function showFound(found) {
  const text = Object.entries(found).map(([label, count]) => (count > 1 ? `${count} × ${label}` : label)).join(", ");
  $("found").textContent = text || "nothing found";
}

function showThreshold() {
  const slider = $("threshold");
  slider.min = state.lowest_threshold;
  slider.disabled = false;
  // While it is being dragged the hand is right, not the server.
  if (performance.now() - touchedAt > TOUCHED_MS) slider.value = threshold();
  $("threshold-value").textContent = Number(slider.value).toFixed(2);
}

function showClasses() {
  const list = $("classes");
  const names = state.classes.map((known) => known.label);
  if (list.dataset.names !== JSON.stringify(names)) {
    list.dataset.names = JSON.stringify(names);
    list.replaceChildren(...state.classes.map(classLine));
  }
  // A state that was on its way when somebody clicked would take the click back for a moment.
  if (performance.now() - clickedAt < TOUCHED_MS) return;
  const off = hidden();
  for (const box of list.querySelectorAll("input")) box.checked = !off.has(box.value);
}

function classLine({ label, color }) {
  const line = document.createElement("label");
  const box = document.createElement("input");
  box.type = "checkbox";
  box.value = label;
  box.addEventListener("change", changeClasses);
  const swatch = document.createElement("i");
  swatch.style.setProperty("--color", color);
  swatch.ariaHidden = "true";
  const name = document.createElement("span");
  name.textContent = label;
  line.append(box, swatch, name);
  return line;
}

// --- what is asked for ---------------------------------------------------------------------------

async function order(what) {
  try {
    const answer = await fetch("/api/order", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(what),
    });
    if (!answer.ok) notify((await answer.json()).error ?? `not done (${answer.status})`);
    return answer.ok;
  } catch {
    notify("not done: the connection is lost");
    return false;
  }
}

// Between two quick presses the server's own is that of before the first.
const newestThreshold = () => (performance.now() - touchedAt < TOUCHED_MS ? Number($("threshold").value) : threshold());

let sending = null;
function setThreshold(value) {
  const clamped = Math.min(1, Math.max(state.lowest_threshold, Math.round(value * 100) / 100));
  touchedAt = performance.now();
  $("threshold").value = clamped;
  if (own) {
    own.threshold = clamped;
    surface.setThreshold(clamped);
    redrawStill();
  } else {
    // At most ten a second while the slider is dragged; the last one counts.
    if (sending === null) {
      setTimeout(() => {
        order({ do: "threshold", value: sending });
        sending = null;
      }, 100);
    }
    sending = clamped;
  }
  showThreshold();
}

function changeClasses() {
  clickedAt = performance.now();
  const off = [...$("classes").querySelectorAll("input")].filter((box) => !box.checked).map((box) => box.value);
  if (own) {
    own.hidden = new Set(off);
    redrawStill();
  } else order({ do: "hide", labels: off });
}

function pause() {
  if (!own) return order({ do: "pause", paused: !state.paused });
  if (still) return backToCamera();
  own.paused = !own.paused;
  surface.pause(own.paused);
  show();
}

function save() {
  if (!own) return order({ do: "save" });
  if (still) return notify("not saved: a picture that is tried is kept nowhere");
  if (!surface.camera) return notify("nothing to save yet");
  return order({ do: "save shown", camera: surface.camera, threshold: own.threshold, hidden: [...own.hidden] });
}

async function takeSnapshot() {
  if (!ready()) return;
  download(await snapshot(still ?? surface), `live-${stamp()}.jpg`);
  notify("snapshot saved among your downloads");
}

async function record() {
  if (recorder) {
    const stopping = recorder;
    recorder = null; // at once: whoever presses twice begins the next one
    showRecording();
    const { blob, ending } = await stopping.stop();
    download(blob, `live-${stamp()}.${ending}`);
    notify("video saved among your downloads");
  } else if (still) {
    notify("a picture does not move; Snapshot keeps it with its boxes");
  } else if (ready()) {
    try {
      const starting = new Recorder(surface);
      starting.start();
      recorder = starting;
    } catch (error) {
      notify(error.message);
    }
  }
  showRecording();
}

function showRecording() {
  $("recording").hidden = !recorder;
  $("record").setAttribute("aria-pressed", Boolean(recorder));
  $("record").firstElementChild.textContent = recorder ? "Stop recording" : "Record";
  if (!recorder) return;
  const seconds = Math.floor(recorder.seconds);
  $("recorded").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
setInterval(() => recorder && showRecording(), 500);

function ready() {
  if ((still ?? surface)?.size[0]) return true;
  notify("there is no picture yet");
  return false;
}

function stamp() {
  const now = new Date();
  const local = new Date(now.getTime() - now.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19).replace(/[T:]/g, "-");
}

// A picture from this device instead of the camera's, or the camera again.
function tryPicture() {
  if (!own) return;
  if (still) backToCamera();
  else $("file").click();
}

async function openPicture(file) {
  if (!own || !state || !file) return;
  const trying = new StillPicture($("canvas"), { shows, colorOf });
  surface.cover(true);
  still = trying;
  showTrying();
  wait("The model looks at it …");
  try {
    const numbers = await trying.open(file, own.threshold);
    if (still !== trying) return;
    showNumbers(numbers);
    countFound(trying.boxes);
    $("waiting").hidden = true;
  } catch (error) {
    if (still !== trying) return;
    backToCamera();
    notify(error.message);
  }
}

function backToCamera() {
  still = null;
  surface.cover(false);
  showTrying();
  if ($("canvas").hidden) openCamera();
  else $("waiting").hidden = true;
}

function redrawStill() {
  if (!still) return;
  still.draw();
  countFound(still.boxes);
}

function showTrying() {
  $("try").setAttribute("aria-pressed", Boolean(still));
  $("try").firstElementChild.textContent = still ? "Back to the camera" : "Try a picture";
  for (const id of ["pause", "save", "record", "mirror", "turn"]) $(id).disabled = Boolean(still);
  $("source").textContent = still ? "a picture of yours" : "your camera";
}

function mirror() {
  if (!own || still) return;
  surface.mirrored = !surface.mirrored;
  $("mirror").setAttribute("aria-pressed", surface.mirrored);
}

async function turn() {
  if (!own || still) return;
  try {
    await surface.turn();
  } catch (error) {
    trouble(error.message, true);
  }
  $("mirror").setAttribute("aria-pressed", surface.mirrored);
}

const asking = stopDialog(() => order({ do: "stop" }));
const ACTIONS = { pause, save, snapshot: takeSnapshot, record, try: tryPicture, mirror, turn, full: fullScreen, theme: turnTheme, stop: () => asking.showModal() };
const KEYS = {
  p: pause,
  c: save,
  s: takeSnapshot,
  r: record,
  o: tryPicture,
  m: mirror,
  v: turn,
  f: fullScreen,
  t: turnTheme,
  q: ACTIONS.stop,
  "+": () => setThreshold(newestThreshold() + STEP),
  "=": () => setThreshold(newestThreshold() + STEP),
  "-": () => setThreshold(newestThreshold() - STEP),
  _: () => setThreshold(newestThreshold() - STEP),
};
const WITHOUT_STATE = new Set([fullScreen, turnTheme, ACTIONS.stop]);

function run(action) {
  if (state || WITHOUT_STATE.has(action)) action();
}

for (const [id, action] of Object.entries(ACTIONS)) $(id).addEventListener("click", () => run(action));
$("threshold").addEventListener("input", (event) => setThreshold(Number(event.target.value)));
$("file").addEventListener("change", () => {
  openPicture($("file").files[0]);
  $("file").value = ""; // the same one can be chosen again
});
$("frame").addEventListener("dragover", (event) => own && event.preventDefault());
$("frame").addEventListener("drop", (event) => {
  if (!own) return;
  event.preventDefault();
  openPicture(event.dataTransfer.files[0]);
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || asking.open) return;
  const action = KEYS[event.key.toLowerCase()];
  if (!action) return;
  event.preventDefault();
  run(action);
});

// --- the connection ------------------------------------------------------------------------------

function begin({ by_browser: byBrowser, review }) {
  $("review").hidden = !review;
  if (!byBrowser) {
    surface ??= new ServerPicture($("picture"), { onPicture: () => ($("waiting").hidden = true) });
    surface.keepWhenHidden = () => Boolean(recorder);
    surface.start();
  } else if (!surface) {
    own = { threshold: null, hidden: new Set(), paused: false };
    $("try").hidden = false;
    $("age-name").textContent = "there and back";
    surface = new OwnCamera($("video"), $("canvas"), {
      shows: (box) => state !== null && shows(box),
      colorOf,
      onTrouble: trouble,
      onPicture: () => ($("waiting").hidden = true),
      onBoxes: (numbers) => {
        if (still) return;
        showNumbers(numbers);
        countFound(surface.boxes);
      },
    });
    openCamera();
  }
}

async function openCamera() {
  wait("Waiting for the camera: the browser asks whether it may …");
  try {
    await surface.open();
    $("mirror").hidden = false;
    $("mirror").setAttribute("aria-pressed", surface.mirrored);
    $("turn").hidden = (await surface.webcam.count()) < 2;
  } catch (error) {
    trouble(error.message, true);
  }
}

function trouble(text, withoutCamera = false) {
  if (withoutCamera && still) return; // it is told when the camera is asked for again
  if (withoutCamera) wait(text, openCamera);
  else notify(text);
}

function ended() {
  if (recorder) record();
  surface?.stop();
  notify("The run has ended.", Infinity);
  for (const button of document.querySelectorAll("main button, main input")) button.disabled = true;
}

keepTheme();
followState({
  onBegin: begin,
  onState: (told) => {
    state = told;
    if (own && own.threshold === null) own.threshold = state.threshold;
    show();
  },
  onEnd: ended,
});
