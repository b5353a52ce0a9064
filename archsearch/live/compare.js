// Runs beside each other: all of it comes anew whenever one of the runs has grown.

import { byId, h } from "../report/script/dom.js";
import { COLOURS, Figure, followColours, loadLibrary, metricAxis, plain, spreads } from "../report/script/figure.js";
import { Run } from "../report/script/run.js";
import { lineOf, listen } from "./news.js";

/** @typedef {{name: string, front: {number: number[], values: number[][]}, growth: {trials: number[], hours: number[], share: number[]}}} Course */
/** @typedef {{run: any, courses: Course[], notes: {line: string, hypervolume: string}, heads: string[], rows: string[][]}} Told */

const MOST_AXES = 3;
const compared = lineOf("line");
const words = new Run();
/** @type {Told} */
let known = { run: {}, courses: [], notes: { line: "", hypervolume: "" }, heads: [], rows: [] };
/** @type {Map<string, Figure>} */
const drawn = new Map();

/** @param {number} place */
function hue(place) { return COLOURS[place % COLOURS.length]; }

/** The fronts in two of the objectives. @param {number} up @param {number} right */
function frontsOf(up, right) {
  const goals = known.run.objectives, [x, y] = [goals[right].metric, goals[up].metric], steps = goals[right].maximise ? "vh" : "hv";
  const values = (/** @type {number} */ axis) => known.courses.flatMap(({ front }) => front.values[axis]);
  if (!values(up).length) return null;
  const traces = known.courses.map(({ name, front }, place) => ({
    type: "scatter", mode: goals.length === 2 ? "lines+markers" : "markers", name: plain(name), marker: { size: 8, color: hue(place) }, line: { shape: steps, width: 1.5, color: hue(place) },
    x: front.values[right].map((value) => value * words.unit(x).factor), y: front.values[up].map((value) => value * words.unit(y).factor), hoverinfo: "text",
    hovertext: front.number.map((number, row) => `${plain(name)}, trial ${number}<br>${goals.map((/** @type {any} */ goal, /** @type {number} */ axis) => `${plain(words.unit(goal.metric).label)}: ${words.text(goal.metric, front.values[axis][row])}`).join("<br>")}`),
  }));
  return {
    traces, layout: { xaxis: metricAxis(words, x, values(right), spreads(values(right))), yaxis: metricAxis(words, y, values(up), spreads(values(up))), showlegend: true },
    heads: ["Run", "Trial", ...goals.map((/** @type {any} */ goal) => words.unit(goal.metric).label)],
    rows: known.courses.flatMap(({ name, front }) => front.number.map((number, row) => [name, number, ...front.values.map((column) => column[row])])),
    label: `Fronts of ${known.courses.length} runs, ${words.unit(y).label} over ${words.unit(x).label}.`,
  };
}

/** @param {"trials" | "hours"} over */
function growthOver(over) {
  if (!known.courses.some(({ growth }) => growth.share.length)) return null;
  const most = Math.max(...known.courses.flatMap(({ growth }) => growth.hours));
  const [factor, unit] = over === "trials" ? [1, "Trials"] : most < 1 / 30 ? [3600, "Seconds"] : most < 2 ? [60, "Minutes"] : [1, "Hours"];
  const traces = known.courses.map(({ name, growth }, place) => ({
    type: "scatter", mode: growth.share.length > 1 ? "lines" : "markers", name: plain(name), x: growth[over].map((value) => value * factor), y: growth.share.map((share) => share * 100), line: { shape: "hv", width: 2, color: hue(place) }, marker: { color: hue(place) }, hovertemplate: `${plain(name)}: %{y:.1f}%<extra></extra>`,
  }));
  return {
    traces, layout: { xaxis: { title: { text: unit }, rangemode: "tozero" }, yaxis: { title: { text: "% of the box" }, rangemode: "tozero" }, showlegend: true },
    heads: ["Run", unit, "Hypervolume (%)"], rows: known.courses.flatMap(({ name, growth }) => growth.share.map((share, row) => [name, growth[over][row] * factor, share * 100])),
    label: `Hypervolume of the fronts by ${over}: ${known.rows.map((cells) => `${cells[0]} ${cells[cells.length - 2]}`).join(", ")}.`,
  };
}

/** A figure, made when it is first needed. @param {string} id @param {string} title @param {() => any} make */
function figureOf(id, title, make) {
  const found = drawn.get(id) ?? new Figure(id, title, make);
  drawn.set(id, found);
  found.stale();
  return found.element;
}

/** @param {Told} told */
function showBeside(told) {
  known = told;
  words.add({ run: told.run });
  const goals = told.run.objectives.slice(0, MOST_AXES);
  /** @type {[number, number][]} */
  const pairs = goals.flatMap((/** @type {any} */ _, /** @type {number} */ up) => goals.slice(up + 1).map((/** @type {any} */ __, /** @type {number} */ more) => [up, up + 1 + more]));
  const title = (/** @type {number} */ axis) => words.unit(goals[axis].metric).label;
  byId("fronts").replaceChildren(...pairs.map(([up, right]) => figureOf(`front-${up}-${right}`, `${title(up)} over ${title(right)}`, () => frontsOf(up, right))));
  byId("growth").replaceChildren(...(goals.length ? [figureOf("by-trials", "By trials", () => growthOver("trials")), figureOf("by-hours", "By time", () => growthOver("hours"))] : []));
  for (const id of ["fronts", "growth"]) /** @type {HTMLElement} */ (byId(id).closest("section")).hidden = !byId(id).children.length;
  byId("about").textContent = told.notes.hypervolume;
  const cells = (/** @type {string[]} */ row, /** @type {number} */ place) => row.map((text, column) => {
    const swatch = column ? null : h("i", { class: "swatch" });
    if (swatch) swatch.style.background = hue(place);
    return h("td", column ? {} : { class: "text" }, swatch, h("span", column ? {} : { class: "name", title: text }, text));
  });
  byId("runs").querySelector("thead")?.replaceChildren(h("tr", {}, told.heads.map((head, column) => h("th", { scope: "col", class: column ? "" : "text" }, head))));
  byId("runs").querySelector("tbody")?.replaceChildren(...told.rows.map((row, place) => h("tr", {}, cells(row, place))));
  compared.usual(told.notes.line);
  document.documentElement.dataset.ready = "yes";
}

followColours();
void loadLibrary();
listen(`compare/events${location.search}`, "", { message: showBeside, trouble: compared.trouble }, compared.connected);
