// The trade-off: trials by any two metrics, the front, what is dominated, filtered out or failed, and the limits.

import { announce, byId, choice, h, tick } from "./dom.js";
import { COLOURS, Figure, colour, metricAxis, plain, spreads } from "./figure.js";
import { frontOf } from "./pareto.js";
import { optionText } from "./run.js";
import { extent } from "./units.js";

/** @typedef {import("./run.js").Run} Run */
/** @typedef {import("./view.js").View} View */
/** @typedef {{front: number[], dim: number[], out: number[], lower: number[], failed: number[]}} Groups */

const MOST_DIM = 3000;
const CELLS = 260;
const MOST_REFUSED = 600;
/** How far over a limit what was refused is still shown, so that the rest keeps its place. */
const NEAR = 1.25;

/** @param {View} view */
export function tradeOff(view) {
  const tools = h("div", { class: "tools" });
  const figure = new Figure("scatter", "Trade-off", () => drawn(view), { tall: true, bare: true, tools, marks: () => marks(view) });
  const key = h("p", { class: "note key" });
  byId("front").append(figure.element, key);
  view.on(["x", "y", "colour", "scale", "rows"], () => tools.replaceChildren(...controls(view)));
  view.on(["x", "y", "colour", "scale", "rows", "brushes", "limits"], () => figure.stale());
  view.on(["selected", "compared"], () => figure.mark());
  figure.chart.tabIndex = 0;
  figure.chart.setAttribute("role", "application");
  figure.chart.setAttribute("aria-roledescription", "chart");
  figure.chart.addEventListener("keydown", (event) => walk(view, event));
  const how = "Click a network, or walk by keys: \u2190 \u2192 along the front, \u2191 \u2193 from trial to trial, C to compare.";
  const open = " Open circles: on a lower rung.", diamonds = " Diamonds: refused, over the budget; of those before each trial the closest.";
  view.on(["x", "y", "rows"], () => key.replaceChildren(how, view.run.facts.top ? open : "", refusals(view).length ? diamonds : ""));
  const listen = () => {
    const chart = /** @type {any} */ (figure.chart);
    if (!chart.on || chart.listening) return;
    chart.listening = true;
    chart.on("plotly_click", (/** @type {any} */ event) => {
      const row = event.points[0]?.customdata;
      if (typeof row === "number") view.select(view.run.number[row]);
    });
  };
  new MutationObserver(listen).observe(figure.chart, { attributes: true, attributeFilter: ["data-drawn"] });
}

/** @param {View} view */
function controls(view) {
  const { run, state } = view, names = run.names.map((name) => /** @type {[string, string]} */ ([name, run.unit(name).label]));
  const log = (/** @type {"x" | "y"} */ axis) =>
    tick("log", isLog(view, state[axis]), (on) => view.set({ scale: { ...state.scale, [state[axis]]: on } }), `logarithmic ${axis}`);
  const pair = (/** @type {Node[]} */ ...both) => h("span", { class: "pair" }, both);
  return [
    pair(choice("x", names, state.x, (x) => view.set({ x })), log("x")),
    pair(choice("y", names, state.y, (y) => view.set({ y })), log("y")),
    choice("Colour", [["", "front"], ...names], state.colour, (one) => view.set({ colour: one })),
  ];
}

/** Values of a metric, of trials that have a result. @param {Run} run @param {string} metric */
export function valuesOf(run, metric) {
  const found = [];
  for (let row = 0; row < run.count; row += 1) {
    const value = run.ok(row) ? run.value(row, metric) : null;
    if (value !== null) found.push(value);
  }
  return found;
}

/** @param {View} view @param {string} metric */
export function isLog(view, metric) {
  return view.state.scale[metric] ?? spreads(valuesOf(view.run, metric));
}

/** @param {View} view @returns {Groups} */
function groups(view) {
  const { run, state } = view, front = new Set(run.front);
  /** @type {Groups} */
  const found = { front: [], dim: [], out: [], lower: [], failed: [] };
  for (let row = 0; row < run.count; row += 1) {
    if (!run.ok(row)) found.failed.push(row);
    else if (run.value(row, state.x) === null || run.value(row, state.y) === null) continue;
    else if (!view.passes(row)) found.out.push(row);
    else if (!run.counts(row)) found.lower.push(row);
    else if (front.has(row)) found.front.push(row);
    else found.dim.push(row);
  }
  return found;
}

/** One of many points that lie on one place of the screen stands for all. @param {View} view @param {number[]} rows */
function thinned(view, rows) {
  if (rows.length <= MOST_DIM) return rows;
  const { run, state } = view;
  const places = [state.x, state.y].map((metric) => {
    const log = isLog(view, metric), values = rows.map((row) => Number(run.value(row, metric))).map((value) => (log ? Math.log(value) : value));
    const [low, high] = extent(values);
    return values.map((value) => Math.floor(((value - low) / (high - low || 1)) * CELLS));
  });
  /** @type {Map<number, number>} */
  const kept = new Map();
  rows.forEach((row, at) => {
    const cell = places[0][at] * (CELLS + 1) + places[1][at];
    if (!kept.has(cell)) kept.set(cell, row);
  });
  return [...kept.values()];
}

/** @param {View} view */
function drawn(view) {
  const { run, state } = view, { x, y } = state, found = groups(view);
  const all = [...found.front, ...found.dim, ...found.lower, ...found.out], refused = refusals(view);
  if (!all.length && !found.failed.length) return null;
  const inside = refused.filter(({ at }) => at.y !== undefined);
  const xs = [...all.map((row) => Number(run.value(row, x))), ...refused.map(({ at }) => at.x)];
  const ys = [...all.map((row) => Number(run.value(row, y))), ...inside.map(({ at }) => Number(at.y))];
  const points = (/** @type {number[]} */ rows, /** @type {any} */ marker, /** @type {string} */ name) => ({
    type: "scatter", mode: "markers", name, marker, customdata: rows, hoverinfo: "text", hovertext: rows.map((row) => told(run, row)),
    x: rows.map((row) => Number(run.value(row, x)) * run.unit(x).factor), y: rows.map((row) => Number(run.value(row, y)) * run.unit(y).factor),
  });
  const dim = colour("dim"), accent = colour("accent"), dominated = thinned(view, found.dim);
  const traces = [
    points(thinned(view, found.out), { size: 4, color: dim, opacity: 0.18 }, "outside the filters"),
    points(thinned(view, found.lower), { size: 5, color: dim, opacity: 0.6, symbol: "circle-open" }, "on a lower rung"),
    points(dominated, look(view, dominated, 6, dim, 0.5), "dominated"),
    line(view, accent),
    points(found.front, { ...look(view, found.front, 9, accent, 1), line: { width: 1, color: colour("page") } }, "on the front"),
    ...failures(view, found.failed, dim),
    ...refusedPoints(view, inside, dim), ...refusedPoints(view, refused.filter(({ at }) => at.y === undefined), dim),
  ];
  return { traces, layout: layout(view, xs, ys), ...twin(view, refused), label: label(view, found, refused.length) };
}

/** @param {View} view @param {number[]} rows */
function values(view, rows) {
  const { run, state } = view, log = isLog(view, state.colour);
  return rows.map((row) => run.value(row, state.colour)).map((value) => (value === null ? null : log ? Math.log10(value * run.unit(state.colour).factor) : value * run.unit(state.colour).factor));
}

/** @param {View} view @param {number[]} rows @param {number} size @param {string} plainColour @param {number} opacity */
function look(view, rows, size, plainColour, opacity) {
  const { run, state } = view;
  if (!state.colour) return { size, color: plainColour, opacity };
  const log = isLog(view, state.colour), shown = valuesOf(run, state.colour).map((value) => (log ? Math.log10(value * run.unit(state.colour).factor) : value * run.unit(state.colour).factor));
  const [cmin, cmax] = extent(shown);
  const axis = metricAxis(run, state.colour, valuesOf(run, state.colour), log);
  const ticks = log ? { tickvals: axis.tickvals?.map((/** @type {number} */ mark) => Math.log10(mark)), ticktext: axis.ticktext } : { tickformat: axis.tickformat };
  const bar = { title: { text: plain(run.unit(state.colour).label), side: "right" }, thickness: 10, outlinewidth: 0, len: 0.9, ...ticks };
  return { size, color: values(view, rows), colorscale: "Cividis", cmin, cmax, opacity: Math.max(opacity, 0.75), showscale: size === 9, colorbar: bar };
}

/** The border of what the front of these two axes dominates. @param {View} view @param {string} accent */
function line(view, accent) {
  const { run, state } = view, { rows, values: points } = run.points([state.x, state.y], (row) => view.passes(row));
  const front = frontOf(points).map((place) => rows[place]);
  const sorted = front.map((row) => [Number(run.value(row, state.x)), Number(run.value(row, state.y))]).sort((a, b) => a[0] - b[0]);
  return {
    type: "scatter", mode: "lines", hoverinfo: "skip", name: "front of these axes",
    x: sorted.map(([value]) => value * run.unit(state.x).factor), y: sorted.map(([, value]) => value * run.unit(state.y).factor),
    line: { shape: run.sign(state.x) < 0 ? "vh" : "hv", width: 1.5, color: accent },
  };
}

/** Failed trials stand in a strip of their own above, at what is known of them: never at a measurement. @param {View} view @param {number[]} rows @param {string} dim */
function failures(view, rows, dim) {
  const { run, state } = view, known = rows.filter((row) => run.value(row, state.x) !== null);
  if (!known.length) return [];
  return [{
    type: "scatter", mode: "markers", name: "failed", yaxis: "y2", customdata: known, hoverinfo: "text", hovertext: known.map((row) => told(run, row)),
    x: known.map((row) => Number(run.value(row, state.x)) * run.unit(state.x).factor), y: known.map(() => 0.5),
    marker: { symbol: "x-thin", size: 7, line: { width: 1.5, color: dim }, opacity: 0.8 },
  }];
}

/** What was refused because it is over the budget: of each the trial that came instead, and its costs, at what is known of it. @typedef {{row: number, costs: Record<string, number>, at: {x: number, y?: number}}} Over */

/** Of what was refused that which is near the budget, and has a place on the first axis. @param {View} view @returns {Over[]} */
function refusals(view) {
  const { run, state } = view, { budget } = run.facts;
  const found = run.order.flatMap((row) => {
    const costs = run.refused[row];
    if (!costs || !(state.x in costs) || [state.x, state.y].some((name) => costs[name] > NEAR * (budget[name] ?? Infinity))) return [];
    return [{ row, costs, at: { x: costs[state.x], y: costs[state.y] } }];
  });
  return found.filter((_, place) => place % Math.ceil(found.length / MOST_REFUSED) === 0);
}

/** Where both costs are known among the points, and else in the strip of what has no measurement. @param {View} view @param {Over[]} some @param {string} dim */
function refusedPoints(view, some, dim) {
  if (!some.length) return [];
  const { run, state } = view, [x, y] = [run.unit(state.x).factor, run.unit(state.y).factor], placed = some[0].at.y !== undefined;
  return [{
    type: "scatter", mode: "markers", name: "refused", hoverinfo: "text", hovertext: some.map((one) => toldRefused(run, one)), ...(!placed && { yaxis: "y2" }),
    x: some.map(({ at }) => at.x * x), y: some.map(({ at }) => (placed ? Number(at.y) * y : 0.5)), marker: { symbol: "diamond-open", size: 6, color: dim, opacity: 0.45 },
  }];
}

/** @param {Run} run @param {Over} over */
function toldRefused(run, { row, costs }) {
  const limits = run.facts.budget, text = (/** @type {[string, number]} */ [name, value]) => `${plain(run.unit(name).label).slice(0, 60)}: ${run.text(name, value)}${value > limits[name] ? ` (limit ${run.text(name, limits[name])})` : ""}`;
  return [`<b>refused</b> before trial ${run.number[row]}, never trained`, ...Object.entries(costs).map(text)].join("<br>");
}

/** Rings around the selected trial and those compared, which have numbers; all as shapes, since plotly draws these again without the points. @param {View} view */
function marks(view) {
  const { run, state } = view;
  const rings = state.compared.map((number, place) => ({ number, ring: COLOURS[place + 1], text: String(place + 1) }));
  if (state.selected !== null) rings.push({ number: state.selected, ring: colour("text"), text: "" });
  return rings.flatMap(({ number, ring, text }) => {
    const row = run.rows.get(number);
    if (row === undefined || !run.ok(row)) return [];
    const [x, y] = [run.value(row, state.x), run.value(row, state.y)];
    if (x === null || y === null) return [];
    const at = { xsizemode: "pixel", ysizemode: "pixel", xanchor: x * run.unit(state.x).factor, yanchor: y * run.unit(state.y).factor }, half = text ? 9.5 : 7.5;
    const circle = { ...at, type: "path", path: circlePath(half), line: { color: ring, width: 2 } };
    const label = { ...at, type: "rect", x0: 6, x1: 22, y0: 4, y1: 20, line: { width: 0 }, label: { text, font: { color: ring, size: 12 }, padding: 0 } };
    return text ? [label, circle] : [circle];
  });
}

/** A circle around its anchor as four curves: of plotly's own circles that are sized in pixels the negative half is lost. @param {number} r its radius in pixels */
function circlePath(r) {
  const c = 0.5523 * r;
  return `M${r},0 C${r},${c} ${c},${r} 0,${r} C${-c},${r} ${-r},${c} ${-r},0 C${-r},${-c} ${-c},${-r} 0,${-r} C${c},${-r} ${r},${-c} ${r},0 Z`;
}

/** @param {View} view @param {number[]} xs @param {number[]} ys */
function layout(view, xs, ys) {
  const { run, state } = view;
  const shapes = [], annotations = [];
  const limits = [...Object.entries(run.facts.budget).map((one) => [...one, "dash"]), ...Object.entries(state.limits).map((one) => [...one, "dot"])];
  for (const [metric, limit, dash] of /** @type {[string, number, string][]} */ (limits)) {
    for (const axis of /** @type {("x" | "y")[]} */ (["x", "y"])) {
      if (state[axis] !== metric) continue;
      const at = limit * run.unit(metric).factor, other = axis === "x" ? "y" : "x", inside = extent(axis === "x" ? xs : ys)[1] >= limit * 0.5;
      if (!inside) continue;
      shapes.push({ type: "line", [`${axis}0`]: at, [`${axis}1`]: at, [`${other}ref`]: "paper", [`${other}0`]: 0, [`${other}1`]: 1, line: { dash, width: 1.5, color: colour("warn") } });
      const log = isLog(view, metric), place = log ? Math.log10(at) : at;
      annotations.push({ [axis]: place, [other]: 1, [`${other}ref`]: "paper", text: dash === "dash" ? "budget" : "limit", showarrow: false, xanchor: "right", yanchor: "top", font: { size: 11, color: colour("warn") } });
    }
  }
  return {
    xaxis: metricAxis(run, state.x, xs, isLog(view, state.x)), yaxis: { ...metricAxis(run, state.y, ys, isLog(view, state.y)), domain: [0, 0.93] },
    yaxis2: { domain: [0.95, 1], range: [0, 1], showgrid: false, showticklabels: false, fixedrange: true }, shapes, annotations, uirevision: `${state.x} ${state.y}`,
  };
}

/** What a point says of its trial. @param {Run} run @param {number} row */
export function told(run, row) {
  const failure = run.failure[row], lines = [`<b>trial ${run.number[row]}</b>${failure ? ` failed: ${failure[0].replaceAll("_", " ")}` : ""}`];
  for (const name of run.names) {
    const value = run.value(row, name);
    if (value !== null && lines.length < 10) lines.push(`${plain(run.unit(name).label).slice(0, 60)}: ${run.text(name, value)}`);
  }
  const choices = [...run.chosen(row)].slice(0, 6).map(([name, value]) => `${name.slice(0, 24)}=${optionText(value).slice(0, 24)}`);
  if (choices.length) lines.push(...(choices.join("  ").match(/.{1,56}/gsu) ?? []).map(plain));
  return lines.join("<br>");
}

/** @param {View} view @param {Over[]} refused */
function twin(view, refused) {
  const { run, state } = view, front = new Set(run.front);
  const rows = run.order.filter((row) => view.passes(row)).sort((a, b) => Number(front.has(b)) - Number(front.has(a)));
  const heads = ["Trial", run.unit(state.x).label, run.unit(state.y).label, ...(state.colour ? [run.unit(state.colour).label] : []), "State"];
  const metrics = [state.x, state.y, ...(state.colour ? [state.colour] : [])];
  const over = refused.map(({ row, costs }) => [null, ...metrics.map((metric) => costs[metric] ?? null), `refused before trial ${run.number[row]}`]);
  return { heads, rows: [...rows.map((row) => [run.number[row], ...metrics.map((metric) => run.value(row, metric)), stateOf(run, row, front)]), ...over] };
}

/** @param {Run} run @param {number} row @param {Set<number>} front */
export function stateOf(run, row, front) {
  const failure = run.failure[row];
  return failure ? failure[0].replaceAll("_", " ") : front.has(row) ? "on the front" : run.counts(row) ? "dominated" : `rung ${run.rung[row] + 1}`;
}

/** @param {View} view @param {Groups} found @param {number} refused */
function label(view, found, refused) {
  const { run, state } = view;
  const parts = [`${found.front.length} on the front`, `${found.dim.length} dominated`, found.failed.length ? `${found.failed.length} failed` : "", refused ? `${refused} refused` : ""];
  return `${run.unit(state.y).label} by ${run.unit(state.x).label}: ${parts.filter(Boolean).join(", ")}. Arrow keys select.`;
}

/** @param {View} view @param {KeyboardEvent} event */
function walk(view, event) {
  const { run, state } = view, row = view.row;
  const along = run.front.filter((one) => run.value(one, state.x) !== null).sort((a, b) => Number(run.value(a, state.x)) - Number(run.value(b, state.x)));
  const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
  if (event.key.toLowerCase() === "c" && !event.ctrlKey && !event.metaKey && state.selected !== null) return view.compare(state.selected);
  if (step === undefined) return;
  event.preventDefault();
  const among = event.key === "ArrowLeft" || event.key === "ArrowRight" ? along : run.order.filter((one) => view.passes(one));
  if (!among.length) return;
  const at = row === null ? -1 : among.indexOf(row);
  const next = among[at < 0 ? nearest(run, among, row, state.x) : Math.min(Math.max(at + step, 0), among.length - 1)];
  view.select(run.number[next]);
  announce(told(run, next).replaceAll("<br>", ", ").replace(/<\/?b>/g, ""));
}

/** @param {Run} run @param {number[]} among @param {number | null} row @param {string} metric */
function nearest(run, among, row, metric) {
  const own = row === null ? null : run.value(row, metric);
  if (own === null) return 0;
  const far = (/** @type {number} */ one) => Math.abs(Number(run.value(one, metric)) - own);
  return among.reduce((best, one, place) => (far(one) < far(among[best]) ? place : best), 0);
}
