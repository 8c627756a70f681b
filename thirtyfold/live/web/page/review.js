// The review: what waits, one photo with its boxes, and a person's word for it sent by POST.

import { Editor } from "/editor.js";
import { colorIn } from "/ink.js";
import { $, notify, wait } from "/stage.js";
import { keepTheme, turnTheme } from "/theme.js";

let listing = { photos: [], labels: [], alone: false, dataset: "" };
let current = null; // the photo on the canvas: {photo, version, machine_made, image, size, draft}
let loading = 0; // which photo was asked for last: answers that come late are not shown
let at = 0; // the photo that was looked at last, where the next one is counted from
let saving = false;
let conflicting = null; // the photo whose labels were changed by somebody else
let label = null; // of the next box
const drafts = new Map(); // photo number to the same, while it holds something unsaved
const failed = new Map(); // photo number to what is wrong with it

const editor = new Editor($("canvas"), {
  newShape(box) {
    if (label === null) notify("there is no label to give");
    return label === null ? null : { was: null, label, color: colorOf(label), kind: "rectangle", isBox: true, score: null, box, changed: true };
  },
  onChange: show,
});

const colorOf = (name) => colorIn(listing.labels, name);
const isChanged = (entry) => entry !== null && entry.draft.shapes !== entry.original;

// --- what is shown -------------------------------------------------------------------------------

function show() {
  const photo = current && listing.photos[current.photo];
  const waiting = listing.photos.filter((one) => !one.done).length;
  const count = listing.photos.length;
  $("source").textContent = count ? `${waiting} left · ${listing.dataset}` : listing.dataset;
  $("name").textContent = photo ? photo.name : "–";
  $("why").textContent = photo ? (current.machine_made ? photo.why || "a model drew it" : photo.done ? "saved" : photo.why) : "";
  const changed = isChanged(current);
  const empty = !editor.shapes.length;
  $("save").firstElementChild.textContent = empty ? "Nothing here" : changed ? "Save" : "Right as it is";
  $("save").disabled = !current;
  $("draw").setAttribute("aria-pressed", editor.drawing);
  $("draw").disabled = !current || label === null;
  $("remove").disabled = editor.selected < 0;
  $("undo").disabled = !editor.canUndo;
  $("redo").disabled = !editor.canRedo;
  for (const id of ["smaller", "fit", "larger"]) $(id).disabled = !current;
  for (const id of ["previous", "next"]) $(id).disabled = count < 2;
  if (changed) drafts.set(current.photo, current);
  else if (current) drafts.delete(current.photo);
  showLabel();
  showShapes();
  showPhotos();
}

function showLabel() {
  const chosen = editor.shapes[editor.selected];
  const names = [...listing.labels.map((known) => known.label), ...editor.shapes.map((shape) => shape.label)];
  const options = [...new Set(names)];
  const list = $("label");
  if (list.dataset.names !== JSON.stringify(options)) {
    list.dataset.names = JSON.stringify(options);
    list.replaceChildren(...options.map((name) => new Option(name, name)));
  }
  list.value = chosen ? chosen.label : label ?? "";
  list.disabled = !options.length;
}

function showShapes() {
  const focused = $("shapes").contains(document.activeElement);
  $("shapes").replaceChildren(
    ...editor.shapes.map((shape, index) => {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-pressed", index === editor.selected);
      button.addEventListener("click", () => editor.select(index));
      const swatch = document.createElement("i");
      swatch.style.setProperty("--color", shape.color);
      const name = document.createElement("span");
      name.textContent = shape.label;
      const facts = document.createElement("small");
      const [left, top, right, bottom] = shape.box;
      const size = `${Math.round(right - left)}×${Math.round(bottom - top)}`;
      facts.textContent = [shape.isBox ? size : shape.kind, shape.score === null ? "" : `${Math.round(shape.score * 100)}%`].filter(Boolean).join(" · ");
      button.append(swatch, name, facts);
      const line = document.createElement("li");
      line.append(button);
      return line;
    }),
  );
  if (focused) $("shapes").querySelector('[aria-pressed="true"]')?.focus();
}

function showPhotos() {
  const list = $("photos");
  if (list.childElementCount !== listing.photos.length) {
    list.replaceChildren(
      ...listing.photos.map((photo) => {
        const button = document.createElement("button");
        button.type = "button";
        button.append(document.createElement("span"), document.createElement("small"));
        button.firstElementChild.textContent = photo.name;
        button.addEventListener("click", () => open(photo.photo));
        const line = document.createElement("li");
        line.append(button);
        return line;
      }),
    );
  }
  listing.photos.forEach((photo, index) => {
    const line = list.children[index];
    const button = line.firstElementChild;
    line.className = photo.done ? "done" : "";
    const text = drafts.has(photo.photo) ? "not saved yet" : failed.has(photo.photo) ? "unreadable" : photo.done ? "✓ done" : "";
    if (button.lastElementChild.textContent !== text) button.lastElementChild.textContent = text;
    const isCurrent = current?.photo === photo.photo;
    if (isCurrent && button.getAttribute("aria-current") !== "true") {
      list.scrollTop = line.offsetTop - list.offsetTop - list.clientHeight / 2;
    }
    button.setAttribute("aria-current", isCurrent);
  });
}

// --- photos --------------------------------------------------------------------------------------

// The JSON of an answer; throws an Error whose message is for the person.
async function ask(address, body) {
  let answer;
  try {
    answer = await fetch(
      address,
      body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) },
    );
  } catch {
    throw new Error("the connection is lost; is the program still running?");
  }
  if (answer.status === 401) throw new Error("This run is over. Open the link of the new one.");
  const told = await answer.json().catch(() => ({}));
  if (answer.ok) return told;
  throw Object.assign(new Error(told.error ?? `not done (${answer.status})`), { status: answer.status });
}

async function reload() {
  listing = await ask("/api/review");
  label ??= listing.labels[0]?.label ?? null;
  $("live").hidden = listing.alone;
  $("finish").hidden = !listing.alone;
}

async function open(photo) {
  const asked = ++loading;
  if (drafts.has(photo)) return put(drafts.get(photo));
  try {
    const told = await ask(`/api/review/${photo}/labels`);
    const image = new Image();
    image.src = `/api/review/${photo}/picture`;
    await image.decode().catch(() => {
      throw new Error("the photo cannot be shown");
    });
    if (asked !== loading) return;
    const shapes = told.shapes.map(({ was, label: name, color, kind, score, points, box_xyxy }) => ({
      was, label: name, color, kind, isBox: kind === "rectangle", score, points, box: box_xyxy, changed: false,
    }));
    const draft = { shapes, past: [], future: [] };
    failed.delete(photo);
    put({ photo, version: told.version, machine_made: told.machine_made, image, size: told.size_wh, draft, original: shapes });
  } catch (error) {
    if (asked !== loading) return;
    if (error.status) failed.set(photo, error.message);
    current = null;
    editor.clear();
    // So that Next goes on from here.
    at = photo;
    wait(error.message);
    show();
    $("name").textContent = listing.photos[photo]?.name ?? "–";
  }
}

function put(entry) {
  current = entry;
  at = entry.photo;
  editor.drawing = false;
  $("waiting").hidden = true;
  editor.show(entry.image, entry.size, entry.draft);
}

function step(by) {
  const count = listing.photos.length;
  if (count) open((at + by + count) % count);
}

// The next one that waits, from here around.
function nextWaiting() {
  const { photos } = listing;
  const order = [...photos.slice(at + 1), ...photos.slice(0, at + 1)];
  return order.find((photo) => !photo.done && !failed.has(photo.photo));
}

async function save() {
  if (!current || saving) return;
  saving = true;
  const entry = current;
  try {
    await ask("/api/review/save", {
      photo: entry.photo,
      version: entry.version,
      shapes: entry.draft.shapes.map(({ was, label: name, box, changed }) => ({ was, label: name, box_xyxy: changed ? box : null })),
    });
    await goOn(entry);
  } catch (error) {
    if (error.status === 409) {
      conflicting = entry.photo;
      $("conflict-text").textContent = `${error.message}. Your changes are still here, but loading replaces them.`;
      $("conflict").showModal();
    } else {
      notify(`not saved: ${error.message}`, 8000);
    }
  } finally {
    saving = false;
    show();
  }
}

// To the next photo that waits, after this one was saved.
async function goOn(entry) {
  drafts.delete(entry.photo);
  listing.photos[entry.photo].done = true;
  if (current === entry) current = null;
  notify(`${listing.photos[entry.photo].name} saved`);
  await reload().catch((error) => notify(`saved, but ${error.message}`, 8000));
  if (current) return;
  const next = nextWaiting();
  if (next) await open(next.photo);
  else allDone(entry.photo);
}

function allDone(photo) {
  at = photo;
  editor.clear();
  wait(listing.alone ? "Everything is looked at. Finish ends the program." : "Everything is looked at. C in the live page saves more.");
  show();
}

function takeTheirs() {
  $("conflict").close();
  drafts.delete(conflicting);
  open(conflicting);
}

async function finish() {
  $("ask-finish").close();
  try {
    await ask("/api/review/finish", {});
    drafts.clear();
    current = null;
    editor.clear();
    wait("Finished. You can close this page.");
    for (const button of document.querySelectorAll("main button, main select, #finish")) button.disabled = true;
  } catch (error) {
    notify(error.message);
  }
}

function askFinish() {
  const left = listing.photos.filter((photo) => !photo.done).length;
  const lost = drafts.size ? ` ${drafts.size === 1 ? "One photo has" : `${drafts.size} photos have`} changes that are not saved yet.` : "";
  $("ask-finish-text").textContent = `${left ? `${left} to look at ${left === 1 ? "is" : "are"} left; ${left === 1 ? "it comes" : "they come"} again.` : "Everything is looked at."}${lost}`;
  $("ask-finish").showModal();
}

// --- buttons and keys ----------------------------------------------------------------------------

function draw() {
  editor.drawing = !editor.drawing;
  show();
}

function choose(name) {
  label = name;
  if (editor.selected >= 0) editor.alter({ label: name, color: colorOf(name) });
  else show();
}

const ACTIONS = {
  save,
  draw,
  remove: () => editor.remove(),
  undo: () => editor.undo(),
  redo: () => editor.redo(),
  smaller: () => editor.zoom(1 / 1.4),
  fit: () => editor.fit(),
  larger: () => editor.zoom(1.4),
  previous: () => step(-1),
  next: () => step(1),
  theme: turnTheme,
  finish: askFinish,
};
const KEYS = {
  Enter: "save", s: "save", r: "draw", Delete: "remove", Backspace: "remove", u: "undo", y: "redo",
  "-": "smaller", "0": "fit", "+": "larger", "=": "larger", p: "previous", a: "previous", n: "next", d: "next", t: "theme",
};
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

for (const [id, action] of Object.entries(ACTIONS)) $(id).addEventListener("click", action);
$("label").addEventListener("change", (event) => choose(event.target.value));
$("take-theirs").addEventListener("click", takeTheirs);
$("keep-mine").addEventListener("click", () => $("conflict").close());
$("do-finish").addEventListener("click", finish);
$("dont-finish").addEventListener("click", () => $("ask-finish").close());

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]") || event.target.matches("select")) return;
  const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.ctrlKey || event.metaKey) {
    if (name !== "z" && name !== "y") return;
    event.preventDefault();
    if (name === "y" || event.shiftKey) editor.redo();
    else editor.undo();
    return;
  }
  if (name in ARROWS) {
    if (editor.selected < 0) return;
    event.preventDefault();
    const [x, y] = ARROWS[name].map((by) => by * (event.shiftKey ? 10 : 1));
    editor.nudge(x, y, event.altKey);
    return;
  }
  // Enter and Space on a button are that button's.
  if (event.altKey || event.repeat || (name === "Enter" && event.target.matches("button, a"))) return;
  if (name === "Escape") {
    editor.drawing = false;
    editor.select(-1);
  } else if (name === "b") {
    editor.selectNext();
  } else if (/^[1-9]$/.test(name) && listing.labels[name - 1]) {
    choose(listing.labels[name - 1].label);
  } else if (name in KEYS) {
    event.preventDefault();
    const button = $(KEYS[name]);
    if (!button.disabled) ACTIONS[KEYS[name]]();
  }
});
window.addEventListener("beforeunload", (event) => drafts.size && event.preventDefault());

keepTheme();
try {
  await reload();
  const first = listing.photos.find((photo) => !photo.done) ?? listing.photos[0];
  if (first) await open(first.photo);
  else {
    wait("Nothing waits. Press C in the live page to save a picture with its boxes.");
    show();
  }
} catch (error) {
  wait(error.message);
}
