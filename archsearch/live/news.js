// News from the server, as server-sent events; a page that nobody sees hears none, since a browser has few connections to one server.

import { byId } from "../report/script/dom.js";

export const LOST = "The connection is lost: the server has ended, or cannot be reached. What is shown is what was known until then.";

/**
 * Listen for as long as the page is seen, from a place on, and go on from the last place heard.
 * @param {string} address @param {string} from where the page is; empty where it has no place
 * @param {Record<string, (data: any) => void>} hear what to do with events by name; `message` are those without a name
 * @param {(connected: boolean) => void} tell called when the connection comes and goes
 */
export function listen(address, from, hear, tell) {
  /** @type {EventSource | null} */
  let source = null;
  let last = from;
  const end = () => {
    source?.close();
    source = null;
  };
  const start = () => {
    if (source || document.hidden) return;
    const query = last ? `${address.includes("?") ? "&" : "?"}place=${encodeURIComponent(last)}` : "";
    source = new EventSource(address + query);
    source.addEventListener("open", () => tell(true));
    source.addEventListener("error", () => tell(false));
    for (const [name, act] of Object.entries(hear)) {
      source.addEventListener(name, (event) => {
        last = event.lastEventId || last;
        act(JSON.parse(event.data));
      });
    }
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? end() : start()));
  window.addEventListener("pagehide", end);
  window.addEventListener("pageshow", start);
  start();
}

/** A line of the page for what is wrong, and else for what is so. @param {string} id */
export function lineOf(id) {
  const line = byId(id);
  let [usual, trouble, connected] = [line.textContent ?? "", "", true];
  const show = () => {
    const text = connected ? trouble || usual : LOST;
    line.textContent = text;
    line.hidden = !text;
    line.classList.toggle("wrong", !connected || Boolean(trouble));
  };
  return {
    usual: (/** @type {string} */ text) => { usual = text; show(); },
    trouble: (/** @type {string} */ text) => { trouble = text; show(); },
    connected: (/** @type {boolean} */ is) => { connected = is; show(); },
  };
}
