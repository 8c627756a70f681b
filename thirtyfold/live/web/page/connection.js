// WebSockets to the program: how one is opened, when it is tried again, and the one that tells the state of the run.

import { notify } from "/stage.js";

const RETRY_MS = [500, 1000, 2000, 4000];
const GOING_AWAY = 1001;
const RESTARTING = 1012; // what the server says when it ends

export const openSocket = (path) => new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`);

// How long to wait before the next try, after so many that failed.
export const retryMs = (tries) => RETRY_MS[Math.min(tries, RETRY_MS.length - 1)];

// Follows the state, and connects again when the connection is lost. `onBegin` gets the first message of each connection,
// `onState` each state; `onEnd` is called when the program ends. Once `isOver`, nothing is tried any more.
export function followState({ onBegin, onState, onEnd, isOver = () => false }) {
  let tries = 0;

  function connect() {
    const socket = openSocket("/ws/state");
    socket.addEventListener("message", (event) => {
      const told = JSON.parse(event.data);
      if ("by_browser" in told) {
        if (tries) notify("connected again");
        tries = 0;
        onBegin(told);
      } else if (!told.starting) {
        onState(told);
      }
    });
    socket.addEventListener("close", (event) => {
      if (isOver()) return;
      if (event.code === RESTARTING || event.code === GOING_AWAY) {
        onEnd();
        return;
      }
      notify("connection lost, trying again …", Infinity);
      setTimeout(reconnect, retryMs(tries++));
    });
  }

  async function reconnect() {
    try {
      // Another run at the same port has another token.
      if ((await fetch("/icon.svg")).status === 401) {
        notify("This run is over. Open the link of the new one.", Infinity);
        return;
      }
    } catch {
      // Nobody there; not yet, perhaps.
    }
    connect();
  }

  connect();
}
