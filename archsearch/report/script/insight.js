// What the run tells beyond single trials: which choices matter, what failed or was refused, how rungs agree, where the time went, notes.

import { byId, choice, cut, h } from "./dom.js";
import { COLOURS, Figure, colour, plain, plainTable } from "./figure.js";
import { counted } from "./progress.js";
import { DASH, duration, extent, figures } from "./units.js";

/** @typedef {import("./view.js").View} View */

const MOST_BARS = 20;
const MESSAGES = 3;
const RUNGS = "rung_correlation_";

/** @param {View} view */
export function insight(view) {
  const tools = h("div", { class: "tools" });
  const weights = new Figure("importance", "Importance of choices", () => importanceChart(view), { bare: true }), method = h("p", { class: "note" });
  const failed = h("div", {}), time = h("div", {}), rungs = h("div", {});
  let note = "";
  const notes = new Figure("notes-chart", "What the strategy noted", () => noteChart(view, note), { bare: true, tools });
  byId("importance-part").append(method, weights.element);
  byId("failures").append(failed);
  byId("time").append(time);
  byId("rungs").append(rungs);
  byId("noted").append(notes.element);
  view.on(["rows"], () => {
    const { importance } = view.run.facts;
    byId("importance-part").hidden = !importance;
    method.textContent = importance?.method ?? "";
    weights.stale();
    show("failures", failed, failureTable(view));
    show("time", time, timeTable(view));
    show("rungs", rungs, rungTable(view));
    const names = noteNames(view);
    if (!names.includes(note)) note = names[0] ?? "";
    byId("noted").hidden = !names.length;
    tools.replaceChildren(choice("Note", names.map((name) => /** @type {[string, string]} */ ([name, cut(name.replaceAll("_", " "), 60)])), note, (one) => { note = one; notes.stale(); }));
    notes.stale();
  });
}

/** @param {string} id @param {HTMLElement} place @param {Node[]} content */
function show(id, place, content) {
  byId(id).hidden = !content.length;
  place.replaceChildren(...content);
}

/** @param {View} view */
function importanceChart(view) {
  const { run } = view, importance = run.facts.importance;
  if (!importance) return null;
  const goals = Object.entries(importance.of), sum = (/** @type {string} */ name) => goals.reduce((total, [, weights]) => total + (weights[name] ?? 0), 0);
  const names = [...new Set(goals.flatMap(([, weights]) => Object.keys(weights)))].sort((a, b) => sum(b) - sum(a)), shown = names.slice(0, MOST_BARS).reverse();
  return {
    traces: goals.map(([metric, weights], place) => ({ type: "bar", orientation: "h", name: plain(run.unit(metric).label), x: shown.map((name) => (weights[name] ?? 0) * 100), y: shown.map((name) => plain(cut(name, 34))), marker: { color: COLOURS[place % COLOURS.length] }, hovertemplate: "%{y}: %{x:.1f}%<extra>%{fullData.name}</extra>" })),
    layout: { xaxis: { title: { text: "Share of the importance (%)" }, rangemode: "tozero" }, yaxis: { type: "category", tickfont: { size: 11 } }, barmode: "group", bargap: 0.25, showlegend: goals.length > 1 },
    height: 110 + shown.length * (8 + 11 * goals.length),
    heads: ["Choice", ...goals.map(([metric]) => run.unit(metric).label)], rows: names.map((name) => [name, ...goals.map(([, weights]) => (weights[name] ?? 0) * 100)]),
    label: `Importance of ${names.length} choices; the first is ${names[0]}.`,
  };
}

/** @param {View} view */
function failureTable(view) {
  const { run } = view;
  /** @type {Map<string, number[]>} */
  const kinds = new Map();
  for (const row of run.order) {
    const failure = run.failure[row];
    if (failure) among(kinds, failure[0]).push(row);
  }
  const latest = (/** @type {number[]} */ rows) => rows.slice(-MESSAGES).map((row) => `trial ${run.number[row]}: ${cut(run.failure[row]?.[1] ?? "", 300)}`).join("\n");
  const rows = [...kinds].map(([kind, found]) => ["failed", kind.replaceAll("_", " "), found.length, latest(found)]);
  const refused = Object.entries(run.facts.refusals).sort((a, b) => b[1] - a[1]).map(([reason, count]) => ["refused", reasonText(view, reason), count, "never evaluated"]);
  const all = [...rows, ...refused];
  return all.length ? [scrolled("Failures and refusals", plainTable(["What", "Reason", "Count", "Latest"], all))] : [];
}

/** A table that scrolls sideways where it is too wide. @param {string} label @param {HTMLElement} table */
function scrolled(label, table) {
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, table);
}

/** The list under a name, made where there is none. @template T @param {Map<string, T[]>} lists @param {string} name @returns {T[]} */
function among(lists, name) {
  const found = lists.get(name) ?? [];
  lists.set(name, found);
  return found;
}

/** @param {View} view @param {string} reason */
function reasonText(view, reason) {
  const [verb, metric, ...how] = reason.split(" ");
  return verb === "over" && metric ? [verb, view.run.words(metric), ...how].join(" ") : cut(reason.replaceAll("_", " "), 200);
}

/** @param {View} view */
function timeTable(view) {
  const { run } = view;
  /** @type {Map<string, number[]>} */
  const parts = new Map();
  for (let row = 0; row < run.count; row += 1) {
    const spent = run.seconds[row];
    if (typeof spent !== "number") continue;
    const part = run.failure[row] ? `failed: ${run.failure[row]?.[0].replaceAll("_", " ")}` : run.facts.top ? `reached rung ${run.rung[row] + 1} of ${run.facts.top + 1}` : "evaluated";
    among(parts, part).push(spent);
  }
  if (!parts.size) return [];
  const middle = (/** @type {number[]} */ some) => [...some].sort((a, b) => a - b)[Math.floor(some.length / 2)];
  const rows = [...parts].map(([part, some]) => [part, some.length, duration(some.reduce((sum, one) => sum + one, 0)), duration(middle(some)), duration(extent(some)[1])]);
  const whole = [...parts.values()].flat().reduce((sum, one) => sum + one, 0);
  return [h("p", { class: "note" }, `${duration(whole)} of evaluation in all, added up over workers.`), scrolled("Time", plainTable(["Trials that", "Trials", "Together", "Median", "Longest"], rows))];
}

/** @param {View} view */
function rungTable(view) {
  const { run } = view, { top } = run.facts;
  if (!top) return [];
  const order = Object.keys(run.facts.notes).map(Number).sort((a, b) => a - b);
  const rows = Array.from({ length: top + 1 }, (_, rung) => {
    const found = order.map((number) => run.facts.notes[String(number)][`${RUNGS}${rung}`]).filter((value) => value !== undefined);
    let reached = 0;
    for (let row = 0; row < run.count; row += 1) if (run.rung[row] >= rung) reached += 1;
    return [rung + 1, reached, rung < top ? (found.length ? figures(found[found.length - 1]) : DASH) : "the last rung"];
  });
  return [h("p", { class: "note" }, "How far the order of networks on one rung agrees with that on the next (rank correlation of those that were on both; 1 is the same order)."), scrolled("Rungs", plainTable(["Rung", "Trials that reached it", "Correlation with the next"], rows))];
}

/** @param {View} view */
function noteNames(view) {
  return [...new Set(Object.values(view.run.facts.notes).flatMap(Object.keys))];
}

/** @param {View} view @param {string} name */
function noteChart(view, name) {
  const found = Object.entries(view.run.facts.notes).map(([number, said]) => ({ number: Number(number), value: said[name] })).filter(({ value }) => value !== undefined).sort((a, b) => a.number - b.number);
  if (!found.length) return null;
  return {
    traces: [{ type: "scatter", mode: found.length > 1 ? "lines" : "markers", x: found.map(({ number }) => number), y: found.map(({ value }) => value), line: { width: 1.75, color: colour("accent") }, hovertemplate: "after trial %{x}: %{y:.4g}<extra></extra>" }],
    layout: { xaxis: counted("trial", found[found.length - 1].number), yaxis: { title: { text: plain(cut(name.replaceAll("_", " "), 40)) } } },
    heads: ["Trial", name], rows: found.map(({ number, value }) => [number, value]), label: `${name.replaceAll("_", " ")} by trial`,
  };
}
