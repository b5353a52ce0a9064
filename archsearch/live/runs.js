// The list of runs, the latest first; every text is set as text, never read as HTML.

import { byId, h } from "../report/script/dom.js";
import { lineOf, listen } from "./news.js";

/** @typedef {{name: string, path: string, trouble: string, began: string, state: string, space: string, data: string, strategy: string,
 *   trials: string, failed: string, best: string, front: string}} Row */

const COLUMNS = /** @type {[keyof Row, string, string][]} */ ([
  ["state", "State", "text"], ["trials", "Trials", ""], ["best", "Best", ""], ["front", "On the front", ""], ["failed", "Failed", ""],
  ["space", "Space", "text"], ["data", "Data", "text"], ["strategy", "Strategy", "text"],
]);
/** @type {Set<string>} */
const chosenRuns = new Set();
const compareButton = /** @type {HTMLButtonElement} */ (byId("compare"));
const listed = lineOf("line");

/** @param {Row} row */
function lineOfRun(row) {
  const box = h("input", { type: "checkbox", value: row.path, "aria-label": `compare ${row.name}`, disabled: Boolean(row.trouble), onchange: () => {
    chosenRuns[box.checked ? "add" : "delete"](row.path);
    countChosen();
  } });
  box.checked = chosenRuns.has(row.path);
  const cells = row.trouble
    ? [h("td", { class: "text wrap trouble", colspan: COLUMNS.length }, row.trouble)]
    : COLUMNS.map(([name, , kind]) => h("td", { class: name === "state" ? `text state ${row.state}` : kind }, row[name]));
  return h("tr", {}, h("td", {}, box), h("td", { class: "text" }, h("a", { href: row.path, class: "name", title: row.name }, row.name)), cells, h("td", { class: "text" }, momentOf(row.began)));
}

/** @param {string} began */
function momentOf(began) {
  return began && h("time", { datetime: began }, new Date(began).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" }));
}

function countChosen() {
  compareButton.disabled = chosenRuns.size < 2;
  compareButton.textContent = chosenRuns.size < 2 ? "Compare runs: choose two or more" : `Compare ${chosenRuns.size} runs`;
}

/** @param {Row[]} rows */
function showRuns(rows) {
  const focused = /** @type {HTMLInputElement | null} */ (document.activeElement?.closest("#runs input"))?.value;
  const readable = new Set(rows.filter((row) => !row.trouble).map((row) => row.path));
  for (const path of chosenRuns) if (!readable.has(path)) chosenRuns.delete(path);
  byId("runs").querySelector("tbody")?.replaceChildren(...rows.map(lineOfRun));
  if (focused) [.../** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("#runs input"))].find((box) => box.value === focused)?.focus();
  const running = rows.filter((row) => row.state === "running").length;
  listed.usual(rows.length ? `${rows.length} run${rows.length > 1 ? "s" : ""}, ${running || "none"} running.` : "There is no run in this folder yet.");
  byId("runs").hidden = compareButton.hidden = !rows.length;
  countChosen();
  document.documentElement.dataset.ready = "yes";
}

const heads = [h("th", {}, h("span", { class: "hidden" }, "Compare")), h("th", { class: "text", scope: "col" }, "Run"), ...COLUMNS.map(([, title, kind]) => h("th", { class: kind, scope: "col" }, title)), h("th", { class: "text", scope: "col" }, "Began")];
byId("runs").querySelector("thead")?.append(h("tr", {}, heads));
compareButton.addEventListener("click", () => location.assign(`compare?${[...chosenRuns].map((path) => `run=${encodeURIComponent(path.slice(4, -1))}`).join("&")}`));
listen("events", "", { message: showRuns }, listed.connected);
