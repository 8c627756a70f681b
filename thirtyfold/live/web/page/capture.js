// The capture: an instruction, a countdown, the picture; what a person wants goes back by POST.

import { followState } from "/connection.js";
import { Photographer } from "/photographer.js";
import { ServerPicture } from "/picture.js";
import { $, fullScreen, notify, stopDialog, wait } from "/stage.js";
import { keepTheme, turnTheme } from "/theme.js";

let state = null; // the server's, as it came last
let surface = null; // ServerPicture or Photographer
let own = false;
let ended = false;

// --- what is shown -------------------------------------------------------------------------------

function show() {
  $("count").textContent = `${state.taken} of ${state.wanted}`;
  document.title = `${state.taken} of ${state.wanted} – thirtyfold capture`;
  $("progress").value = state.taken / state.wanted;
  $("guide").hidden = false;
  if ($("instruction").textContent !== state.instruction) $("instruction").textContent = state.instruction;
  const isOver = state.ended || state.taken >= state.wanted;
  const seconds = Math.ceil(state.due_in);
  const isNow = !isOver && seconds <= 0;
  const text = isOver ? "" : isNow ? "now" : String(seconds);
  if ($("countdown").textContent !== text) {
    $("countdown").textContent = text;
    if (!isOver && !isNow && seconds <= 3) beep(440, 0.06);
  }
  $("countdown").classList.toggle("now", isNow);
  $("trouble").hidden = !state.trouble || isOver;
  $("trouble").textContent = state.trouble ? `Not taken: ${state.trouble}` : "";
  if (state.flash && !$("flash").classList.contains("lit")) beep(880, 0.12);
  $("flash").classList.toggle("lit", state.flash && !isOver);
  $("back").disabled = !state.taken || ended;
  $("unguided").hidden = state.guided;
  showShots();
  if (state.ended) end();
}

function showShots() {
  const list = $("shots");
  const names = JSON.stringify(state.shots);
  if (list.dataset.names !== names) {
    list.dataset.names = names;
    list.replaceChildren(
      ...state.shots.map(({ instruction }) => {
        const line = document.createElement("li");
        line.append(document.createElement("span"), document.createElement("small"));
        line.firstElementChild.textContent = instruction;
        return line;
      }),
    );
  }
  let left = state.taken;
  state.shots.forEach(({ photos }, index) => {
    const line = list.children[index];
    const taken = Math.min(left, photos);
    left -= taken;
    const isDone = taken === photos;
    line.className = isDone ? "done" : "";
    line.lastElementChild.textContent = isDone ? `✓ ${photos}` : `${taken} of ${photos}`;
    const isCurrent = !isDone && (index === 0 || list.children[index - 1].className === "done");
    if (isCurrent) line.setAttribute("aria-current", "step");
    else line.removeAttribute("aria-current");
  });
}

// Whoever goes far away or looks aside hears when it is time.
let audio = null;
function beep(hertz, seconds) {
  if (!audio) return;
  const tone = audio.createOscillator();
  const volume = audio.createGain();
  tone.frequency.value = hertz;
  volume.gain.setValueAtTime(0.15, audio.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + seconds);
  tone.connect(volume).connect(audio.destination);
  tone.start();
  tone.stop(audio.currentTime + seconds);
}

// --- what is asked for ---------------------------------------------------------------------------

async function ask(what) {
  if (ended) return;
  try {
    const answer = await fetch("/api/capture", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ do: what }),
    });
    if (!answer.ok) notify((await answer.json()).error ?? `not done (${answer.status})`);
  } catch {
    notify("not done: the connection is lost");
  }
}

function sound() {
  if (audio) audio.close();
  audio = audio ? null : new AudioContext();
  $("sound").setAttribute("aria-pressed", Boolean(audio));
  beep(880, 0.12);
}

async function turn() {
  if (!own || $("turn").hidden) return;
  try {
    await surface.webcam.turn();
  } catch (error) {
    trouble(error.message, true);
  }
  $("video").classList.toggle("mirrored", surface.webcam.showsThePerson);
}

const asking = stopDialog(() => ask("stop"));
const ACTIONS = { take: () => ask("take"), back: () => ask("back"), stop: () => asking.showModal(), turn, full: fullScreen, sound, theme: turnTheme };
const KEYS = { " ": "take", b: "back", q: "stop", v: "turn", f: "full", s: "sound", t: "theme" };

for (const [id, action] of Object.entries(ACTIONS)) $(id).addEventListener("click", action);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || asking.open) return;
  // Space on a button is that button's.
  if (event.key === " " && event.target.matches("button")) return;
  const id = KEYS[event.key.toLowerCase()];
  if (!id || $(id).disabled) return;
  event.preventDefault();
  ACTIONS[id]();
});

// --- the connection ------------------------------------------------------------------------------

function begin({ by_browser: byBrowser }) {
  own = byBrowser;
  if (surface) return;
  if (own) {
    $("video").hidden = false;
    surface = new Photographer($("video"), { onTrouble: trouble, onPicture: () => ($("waiting").hidden = true) });
    openCamera();
  } else {
    surface = new ServerPicture($("picture"), { onPicture: () => ($("waiting").hidden = true) });
    surface.start();
  }
}

async function openCamera() {
  wait("Waiting for the camera: the browser asks whether it may …");
  try {
    await surface.open();
    $("turn").hidden = (await surface.webcam.count()) < 2;
  } catch (error) {
    trouble(error.message, true);
  }
}

function trouble(text, withoutCamera = false) {
  if (withoutCamera) wait(text, openCamera);
  else notify(text);
}

function end() {
  if (ended) return;
  ended = true;
  surface?.stop();
  $("guide").hidden = true;
  $("trouble").hidden = true;
  $("flash").classList.remove("lit");
  $("picture").hidden = true;
  $("video").hidden = true;
  wait(state ? `${state.taken} of ${state.wanted} photos are taken. You can close this page.\nNext: thirtyfold annotate --view web` : "The run has ended.");
  for (const button of document.querySelectorAll("main button")) button.disabled = true;
}

// A phone that goes to sleep takes no photos. Refused where the battery is low; then it is the person's to touch it.
async function stayAwake() {
  if (!document.hidden && !ended) await navigator.wakeLock?.request("screen").catch(() => {});
}
document.addEventListener("visibilitychange", stayAwake);

keepTheme();
stayAwake();
followState({
  onBegin: begin,
  onState: (told) => {
    state = told;
    show();
  },
  onEnd: end,
  isOver: () => ended,
});
