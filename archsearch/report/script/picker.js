// Picking a network: limits as sliders, the best within them, the knee of the front, and what each step along it costs.

import { button, byId, cut, h } from "./dom.js";
import { kneeOf } from "./pareto.js";
import { COSTS } from "./run.js";
import { valuesOf } from "./scatter.js";
import { gap } from "./units.js";
import { axisValues } from "./view.js";

/** @typedef {import("./view.js").View} View */

const STEPS = 200;

/** @param {View} view */
export function picker(view) {
  const sliders = h("div", { class: "sliders" }), found = h("div", { class: "found", "aria-live": "polite" }), steps = h("div", {}), filters = h("div", { class: "chips" });
  byId("pick").append(h("h3", {}, "Pick within a budget"), sliders, filters, found, steps);
  view.on(["rows"], () => sliders.replaceChildren(...slidersOf(view)));
  view.on(["limits"], () => place(view, sliders));
  view.on(["rows", "limits", "brushes"], () => {
    filters.replaceChildren(...chips(view));
    found.replaceChildren(...best(view));
  });
  view.on(["rows", "limits", "brushes", "selected"], () => steps.replaceChildren(...trades(view)));
}

/** Costs, and objectives but the first, that differ among trials. @param {View} view */
function limited(view) {
  const { run } = view, [first, ...goals] = run.facts.objectives.map((goal) => goal.metric);
  const names = [...new Set([...goals, ...COSTS])].filter((name) => name !== first && run.sign(name) > 0 && run.metrics.has(name));
  return names.map((name) => {
    const values = valuesOf(run, name).filter((value) => value > 0);
    return { name, low: values.reduce((least, value) => Math.min(least, value), Infinity), high: values.reduce((most, value) => Math.max(most, value), 0) };
  }).filter(({ low, high }) => low < high);
}

/** @param {View} view */
function slidersOf(view) {
  return limited(view).map(({ name, low, high }) => {
    const { run } = view, label = run.unit(name).label;
    const at = (/** @type {number} */ step) => Number((low * (high / low) ** (step / STEPS)).toPrecision(3));
    const slider = h("input", { type: "range", min: 0, max: STEPS, step: 1, "data-metric": name, "data-low": low, "data-high": high, "aria-label": `Largest ${label}`, oninput: () => {
      const { [name]: _, ...others } = view.state.limits, step = Number(slider.value);
      view.set({ limits: step >= STEPS ? others : { ...others, [name]: at(step) } });
    } });
    slider.value = String(STEPS);
    return h("label", { class: "slider" }, h("span", {}, cut(label, 30)), slider, h("output", {}));
  });
}

/** @param {View} view @param {HTMLElement} sliders */
function place(view, sliders) {
  for (const slider of sliders.querySelectorAll("input")) {
    const name = String(slider.dataset.metric), limit = view.state.limits[name], [low, high] = [Number(slider.dataset.low), Number(slider.dataset.high)];
    slider.value = String(limit === undefined ? STEPS : Math.round((STEPS * Math.log(limit / low)) / Math.log(high / low)));
    const text = limit === undefined ? "any" : `\u2264 ${view.run.text(name, limit)}`;
    slider.setAttribute("aria-valuetext", text);
    if (slider.nextElementSibling) slider.nextElementSibling.textContent = text;
  }
}

/** What filters are set, each with a button that takes it away. @param {View} view */
function chips(view) {
  const { run, state } = view;
  const without = (/** @type {Record<string, any>} */ all, /** @type {string} */ name) => Object.fromEntries(Object.entries(all).filter(([one]) => one !== name));
  const chip = (/** @type {string} */ text, /** @type {() => void} */ act) => h("span", { class: "chip" }, text, button("\u00d7", act, { class: "link", "aria-label": `Take away ${text}` }));
  const limits = Object.entries(state.limits).map(([name, limit]) => chip(`${cut(run.unit(name).label, 30)} \u2264 ${run.text(name, limit)}`, () => view.set({ limits: without(state.limits, name) })));
  const brushes = Object.entries(state.brushes).map(([name, range]) => chip(rangeText(view, name, range), () => view.set({ brushes: without(state.brushes, name) })));
  const all = [...limits, ...brushes];
  if (!all.length) return [];
  let passing = 0;
  for (let row = 0; row < run.count; row += 1) if (view.passes(row)) passing += 1;
  return [...all, h("span", { class: "note" }, `${passing.toLocaleString("en")} of ${run.count.toLocaleString("en")} trials pass`), button("Reset", () => view.set({ limits: {}, brushes: {} }))];
}

/** @param {View} view @param {string} name @param {[number, number]} range */
export function rangeText(view, name, [low, high]) {
  const { run } = view;
  if (!name.startsWith(":")) return `${cut(run.unit(name).label, 30)} ${run.text(name, low)} to ${run.text(name, high)}`;
  const options = run.options(name.slice(1)).sorted, kept = options.filter((_, place) => low <= place && place <= high);
  return cut(`${name.slice(1, 40)}: ${kept.map(String).join(", ")}`, 60);
}

/** Rows of the front of those that pass, with their values. @param {View} view */
function within(view) {
  const { run } = view, front = view.isFiltered ? run.frontAmong((row) => view.passes(row)) : run.front;
  const goals = run.facts.objectives.map((goal) => goal.metric);
  return { goals, front, values: front.map((row) => goals.map((metric) => run.sign(metric) * Number(run.value(row, metric)))) };
}

/** @param {View} view */
function best(view) {
  const { run } = view, { goals, front, values } = within(view);
  if (!front.length) return [h("p", { class: "empty" }, "No network is within these limits.")];
  const line = (/** @type {string} */ what, /** @type {number} */ row) => h("p", {}, `${what}: `, button(`trial ${run.number[row]}`, () => view.select(run.number[row]), { class: "link" }), ` ${goals.map((metric) => run.text(metric, run.value(row, metric))).join(" \u00b7 ")}`);
  const knee = goals.length > 1 ? kneeOf(values) : null;
  return [line(`Best ${run.words(goals[0])}${view.isFiltered ? " within the limits" : ""}`, front[0]), knee === null ? "" : line("Knee of the front", front[knee])].filter(Boolean);
}

/** From one network of the front to the next cheaper one: what is lost, and what is saved. @param {View} view */
function trades(view) {
  const { run } = view, { goals, front } = within(view);
  if (goals.length !== 2 || front.length < 2) return [];
  const at = view.row === null ? -1 : front.indexOf(view.row);
  const rows = front.slice(1).map((row, place) => {
    const before = front[place], near = place === at || place + 1 === at;
    const cells = goals.map((metric) => h("td", {}, gap(run.unit(metric), Number(run.value(before, metric)), Number(run.value(row, metric)))));
    const link = (/** @type {number} */ one) => button(String(run.number[one]), () => view.select(run.number[one]), { class: "link", "aria-label": `Select trial ${run.number[one]}` });
    return h("tr", { class: near ? "selected" : "" }, h("td", { class: "text" }, link(before), " \u2192 ", link(row)), cells);
  });
  const shown = rows.length > 12 && at >= 0 ? rows.slice(Math.max(0, at - 6), at + 6) : rows.slice(0, 12);
  const heads = ["Step", ...goals.map((metric) => run.unit(metric).label)].map((head, place) => h("th", { scope: "col", ...(!place && { class: "text" }) }, cut(head, 24)));
  return [h("details", { open: rows.length <= 12 }, h("summary", {}, "What would I lose? From each network of the front to the next"), h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Steps along the front" }, h("table", { class: "dense" }, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, shown))), rows.length > shown.length ? h("p", { class: "note" }, `${shown.length} of ${rows.length} steps, around the selected one.`) : "")];
}

/** Values of an axis that are there. @param {View} view @param {string} name */
export function rangeOf(view, name) {
  const value = axisValues(view.run, name);
  let [low, high] = [Infinity, -Infinity];
  for (let row = 0; row < view.run.count; row += 1) {
    const own = value(row);
    if (own !== null) [low, high] = [Math.min(low, own), Math.max(high, own)];
  }
  return /** @type {[number, number]} */ ([low, high]);
}
