// How the run went: the best so far and the hypervolume, over trials or hours; learning curves of the front; exits.

import { byId, choice, cut, h } from "./dom.js";
import { COLOURS, Figure, colour, metricAxis, plain } from "./figure.js";
import { growth } from "./pareto.js";
import { isLog } from "./scatter.js";
import { extent, prefixed } from "./units.js";

/** @typedef {import("./view.js").View} View */

const MOST_CURVES = 24;
const MOST_DOTS = 2500;

/** @param {View} view */
export function progress(view) {
  const { run } = view;
  let [over, metric] = ["trials", run.facts.objectives[0]?.metric ?? ""];
  const best = new Figure("best", "Best so far", () => bestSoFar(view, metric, over)), volume = new Figure("hypervolume", "Hypervolume", () => hypervolumeChart(view, over));
  const all = [best, volume], tools = h("div", { class: "tools" });
  const again = () => { for (const figure of all) figure.stale(); };
  view.on(["rows"], () => {
    byId("progress").hidden = run.count < 2;
    const goals = run.facts.objectives.map((goal) => /** @type {[string, string]} */ ([goal.metric, run.unit(goal.metric).label]));
    tools.replaceChildren(choice("Over", [["trials", "trials"], ["hours", "hours"]], over, (one) => { over = one; again(); }), choice("Objective", goals, metric, (one) => { metric = one; again(); }));
    volume.element.hidden = goals.length < 2;
    again();
  });
  byId("progress").append(h("p", { class: "note" }, "Every dot is a trial, the line the best so far. Hypervolume is the share of the box, from the best values seen to just beyond the worst, that the front beats. Hours add up the time of every trial, whichever worker it ran on."), tools, h("div", { class: "figures" }, best.element, volume.element));
  const learning = new Figure("curves", "Learning curves of the front", () => curvesChart(view)), exits = new Figure("exits", "Exits", () => exitsChart(view)), going = new Figure("going", "Trials in training", () => goingChart(view));
  byId("learning").append(h("div", { class: "figures" }, going.element, learning.element, exits.element));
  view.on(["rows", "under way"], () => {
    going.element.hidden = !Object.keys(run.facts.under_way).length;
    learning.element.hidden = !run.front.some((row) => [...run.curves.values()].some((column) => column[row]));
    exits.element.hidden = !run.front.some((row) => run.value(row, "error_exit1") !== null);
    byId("learning").hidden = [going, learning, exits].every(({ element }) => element.hidden);
    going.stale();
  });
  view.on(["rows"], () => exits.stale());
  view.on(["rows", "selected"], () => learning.stale());
}

/** For every trial in order how many came up to it, or how many hours they took. @param {View} view @param {string} over */
function along(view, over) {
  const { run } = view, { order } = run;
  let spent = 0;
  return { order, at: order.map((row, place) => (over === "trials" ? place + 1 : (spent += (run.seconds[row] ?? 0) / 3600))) };
}

/** @param {View} view @param {string} metric @param {string} over */
function bestSoFar(view, metric, over) {
  const { run } = view, { order, at } = along(view, over), unit = run.unit(metric);
  const kept = order.map((row, place) => ({ row, at: at[place], value: run.counts(row) ? run.value(row, metric) : null }));
  const good = kept.filter(({ value }) => value !== null), dots = good.filter((_, place) => place % Math.ceil(good.length / MOST_DOTS) === 0);
  if (!good.length) return null;
  /** @type {typeof good} */
  const steps = [];
  for (const one of good) if (!steps.length || run.sign(metric) * Number(one.value) < run.sign(metric) * Number(steps[steps.length - 1].value)) steps.push(one);
  const last = { ...steps[steps.length - 1], at: at[at.length - 1] }, line = [...steps, last];
  const values = good.map(({ value }) => Number(value));
  const text = (/** @type {typeof good[0]} */ { row, value }) => `trial ${run.number[row]}: ${run.text(metric, value)}`;
  return {
    traces: [
      { type: "scatter", mode: "markers", name: "trial", x: dots.map((one) => one.at), y: dots.map(({ value }) => Number(value) * unit.factor), marker: { size: 4, color: colour("dim"), opacity: 0.5 }, hovertext: dots.map(text), hoverinfo: "text" },
      { type: "scatter", mode: "lines", name: "best so far", x: line.map((one) => one.at), y: line.map(({ value }) => Number(value) * unit.factor), line: { shape: "hv", width: 2, color: colour("accent") }, hovertext: line.map(text), hoverinfo: "text" },
    ],
    layout: { xaxis: counted(over, order.length), yaxis: metricAxis(run, metric, values, isLog(view, metric)) },
    heads: [over === "trials" ? "Trials" : "Hours", "Trial", `Best ${unit.label}`], rows: steps.map(({ row, at: when, value }) => [when, run.number[row], value]),
    label: `Best ${unit.label} so far: ${run.text(metric, last.value)} after ${order.length} trials, found by trial ${run.number[last.row]}.`,
  };
}

/** @param {View} view @param {string} over */
function hypervolumeChart(view, over) {
  const { run } = view, { order, at } = along(view, over), goals = run.facts.objectives.map((goal) => goal.metric);
  const points = order.map((row) => {
    const values = goals.map((metric) => (run.counts(row) ? run.value(row, metric) : null));
    return values.some((value) => value === null) ? null : values.map((value, axis) => run.sign(goals[axis]) * Number(value));
  });
  const found = growth(points);
  if (!found.length) return null;
  const last = found[found.length - 1].share * 100;
  return {
    traces: [{ type: "scatter", mode: "lines", x: found.map(({ place }) => at[place]), y: found.map(({ share }) => share * 100), line: { shape: "hv", width: 2, color: colour("accent") }, hovertemplate: "%{y:.1f}%<extra></extra>" }],
    layout: { xaxis: counted(over, order.length), yaxis: { title: { text: "% of the box" }, rangemode: "tozero" } },
    heads: [over === "trials" ? "Trials" : "Hours", "Hypervolume (%)"], rows: found.map(({ place, share }) => [at[place], share * 100]), label: `Hypervolume of the front so far: ${last.toFixed(1)}% after ${order.length} trials.`,
  };
}

/** @param {string} over @param {number} most */
export function counted(over, most) {
  const whole = over === "hours" ? {} : most <= 10 ? { tick0: 0, dtick: 1 } : {};
  return { title: { text: over[0].toUpperCase() + over.slice(1) }, rangemode: "tozero", ...whole };
}

/** @param {View} view */
function curvesChart(view) {
  const { run } = view, goals = run.facts.objectives.map((goal) => goal.metric);
  const metric = [...goals, ...run.curves.keys()].find((name) => run.front.some((row) => run.curves.get(name)?.[row]));
  if (metric === undefined) return null;
  const unit = run.unit(metric), column = run.curves.get(metric) ?? [], rows = run.front.filter((row) => column[row]).slice(0, MOST_CURVES);
  const traces = rows.map((row, place) => {
    const values = column[row] ?? [], own = run.number[row] === view.state.selected;
    return { type: "scatter", mode: values.length > 1 ? "lines" : "markers", name: `trial ${run.number[row]}`, x: values.map((_, epoch) => epoch + 1), y: values.map((value) => (value === null ? null : value * unit.factor)), line: { width: own ? 3.5 : 1.5, color: COLOURS[place % COLOURS.length] }, hovertext: values.map((value, epoch) => `trial ${run.number[row]}, epoch ${epoch + 1}: ${run.text(metric, value)}`), hoverinfo: "text" };
  });
  const longest = Math.max(...rows.map((row) => column[row]?.length ?? 0)), values = rows.flatMap((row) => (column[row] ?? []).filter((value) => value !== null).map(Number));
  return {
    traces, layout: { xaxis: counted("epoch", longest), yaxis: metricAxis(run, metric, values, false), showlegend: rows.length > 1 && rows.length <= 8 },
    heads: ["Epoch", ...rows.map((row) => `Trial ${run.number[row]}`)], rows: Array.from({ length: longest }, (_, epoch) => [epoch + 1, ...rows.map((row) => column[row]?.[epoch] ?? null)]),
    label: `${unit.label} by epoch of ${rows.length} networks on the front.`,
  };
}

/** What is being trained, as far as it is. @param {View} view */
function goingChart(view) {
  const { run } = view, found = Object.entries(run.facts.under_way), reported = found.flatMap(([, { curves }]) => Object.keys(curves));
  const metric = [...run.facts.objectives.map((goal) => goal.metric), ...reported].find((name) => reported.includes(name));
  if (metric === undefined) return null;
  const unit = run.unit(metric), lines = found.flatMap(([number, { first, curves }]) => (curves[metric] ? [{ number, first, values: curves[metric] }] : []));
  const rows = lines.flatMap(({ number, first, values }) => values.map((value, place) => /** @type {[number, number, number | null]} */ ([Number(number), first + place + 1, value])));
  return {
    traces: lines.map(({ number, first, values }, place) => ({
      type: "scatter", mode: "lines+markers", name: `trial ${number}`, x: values.map((_, at) => first + at + 1), y: values.map((value) => (value === null ? null : value * unit.factor)),
      line: { width: 1.75, color: COLOURS[place % COLOURS.length] }, marker: { size: 5 }, hovertext: values.map((value, at) => `trial ${number}, epoch ${first + at + 1}: ${run.text(metric, value)}`), hoverinfo: "text",
    })),
    layout: { xaxis: counted("epoch", rows.reduce((most, [, epoch]) => Math.max(most, epoch), 0)), yaxis: metricAxis(run, metric, rows.flatMap(([, , value]) => (value === null ? [] : [value])), false), showlegend: true },
    heads: ["Trial", "Epoch", unit.label], rows, label: `${unit.label} by epoch of ${lines.length} trials that are being trained.`,
  };
}

/** @param {View} view */
function exitsChart(view) {
  const { run } = view, found = run.front.map((row) => {
    const exits = [];
    for (let place = 1; run.value(row, `error_exit${place}`) !== null && run.value(row, `macs_exit${place}`) !== null; place += 1) exits.push([Number(run.value(row, `macs_exit${place}`)), Number(run.value(row, `error_exit${place}`))]);
    return { row, exits };
  }).filter(({ exits }) => exits.length).slice(0, MOST_CURVES);
  if (!found.length) return null;
  const macs = found.flatMap(({ exits }) => exits.map(([one]) => one));
  return {
    traces: found.map(({ row, exits }, place) => ({ type: "scatter", mode: "lines+markers", name: `trial ${run.number[row]}`, x: exits.map(([one]) => one), y: exits.map(([, error]) => error * 100), line: { width: 1.75, color: COLOURS[place % COLOURS.length] }, hovertext: exits.map(([one, error], exit) => `trial ${run.number[row]}, exit ${exit + 1}: ${(error * 100).toFixed(2)}% at ${prefixed(one)} MACs`), hoverinfo: "text" })),
    layout: { xaxis: metricAxis(run, "macs", macs, extent(macs)[1] / extent(macs)[0] > 20), yaxis: { title: { text: plain(cut("Validation error (%)", 60)) } }, showlegend: found.length > 1 && found.length <= 8 },
    heads: ["Trial", "Exit", "MACs", "Error"], rows: found.flatMap(({ row, exits }) => exits.map(([one, error], exit) => [run.number[row], exit + 1, one, error])), label: "Validation error of a network that is stopped at one of its exits, by what it has spent until then.",
  };
}
