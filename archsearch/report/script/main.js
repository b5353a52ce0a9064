// The page of a run: its data are unpacked, its parts are put up, and it takes in more as the run grows.

import { announce, button, byId, dataText, unpack } from "./dom.js";
import { comparison } from "./compare.js";
import { followColours, loadLibrary } from "./figure.js";
import { insight } from "./insight.js";
import { Networks, isDark } from "./network.js";
import { Parallel } from "./parallel.js";
import { picker } from "./picker.js";
import { progress } from "./progress.js";
import { Run } from "./run.js";
import { tradeOff } from "./scatter.js";
import { TrialPanel } from "./trial.js";
import { TrialTable } from "./trials.js";
import { View } from "./view.js";

/** @typedef {{run?: Partial<import("./run.js").Facts>, rows?: import("./run.js").Rows}} Message */

const run = new Run();
/** @type {View | null} */
let view = null;

/** Take in what `archsearch.report.rows` describes: trials more, or trials anew; what is selected stays so. @param {Message} message */
export function add(message) {
  const changed = run.add(message);
  if (!view) return;
  headline();
  view.renew(changed);
}

/** The numbers at the head of the page. */
function headline() {
  const { facts } = run, set = (/** @type {string} */ name, /** @type {string} */ value, /** @type {string} */ note) => {
    const place = document.querySelector(`[data-number="${name}"]`);
    place?.querySelector("span")?.replaceChildren(value);
    place?.querySelector("small")?.replaceChildren(note);
  };
  const failed = run.failure.filter(Boolean), best = run.points([facts.objectives[0].metric]);
  const place = best.values.reduce((least, [value], at) => (least < 0 || value < best.values[least][0] ? at : least), -1);
  set("trials", run.count.toLocaleString("en"), "networks evaluated");
  set("on", run.front.length.toLocaleString("en"), "no other is better in all objectives");
  if (place >= 0) set("best", run.text(facts.objectives[0].metric, run.value(best.rows[place], facts.objectives[0].metric)), `trial ${run.number[best.rows[place]]}`);
  set("failed", failed.length.toLocaleString("en"), "");
  const refused = Object.values(facts.refusals).reduce((sum, count) => sum + count, 0);
  set("refused", refused.toLocaleString("en"), "");
  const status = document.querySelector("h1 .status");
  if (status) status.textContent = facts.status;
}

/** A button between dark and light; what the system says holds until it is used. @param {View} view */
function themes(view) {
  const turn = button("", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    again();
  }, { id: "theme" });
  const again = followColours(() => {
    turn.textContent = isDark() ? "Light" : "Dark";
    turn.setAttribute("aria-label", isDark() ? "Light colours" : "Dark colours");
    view.renew("colours");
  });
  byId("tools").append(turn);
  again();
}

async function begin() {
  const packed = dataText("run");
  if (packed === null) return;
  const { message, packs } = JSON.parse(await unpack(packed));
  add(message);
  byId("app").hidden = false;
  document.getElementById("static")?.remove();
  view = new View(run);
  themes(view);
  const networks = new Networks(packs, document.documentElement.dataset.live === "yes");
  tradeOff(view);
  new TrialPanel(view, networks);
  picker(view);
  comparison(view, networks);
  new TrialTable(view);
  new Parallel(view);
  progress(view);
  insight(view);
  document.addEventListener("rows", (event) => add(/** @type {CustomEvent<Message>} */ (event).detail));
  await loadLibrary();
  document.documentElement.dataset.ready = "yes";
}

begin().catch((error) => {
  document.documentElement.dataset.ready = "failed";
  announce(`The page could not be drawn: ${error instanceof Error ? error.message : error}. It needs a browser of 2023 or later.`, true);
  throw error;
});
