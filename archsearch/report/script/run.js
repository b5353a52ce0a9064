// What is known of the run: rows as columns, which grow, and what follows from them.

import { frontOf } from "./pareto.js";
import { written } from "./units.js";

/** @typedef {import("./units.js").Unit} Unit */
/** @typedef {number | null | undefined} Maybe */
/** @typedef {{number: number[], rung: number[], seconds: (number | null)[], failure: ([string, string] | null)[], refused?: (Record<string, number> | null)[], metrics: Record<string, Maybe[]>,
 *   choices: Record<string, {options: unknown[], chosen: number[]}>, curves: Record<string, ((number | null)[] | null)[]>, units: Record<string, Unit>}} Rows */
/** @typedef {{title: string, place: string, status: string, objectives: {metric: string, maximise: boolean}[], top: number, budget: Record<string, number>,
 *   units: Record<string, Unit>, refusals: Record<string, number>, notes: Record<string, Record<string, number>>, links: Record<string, string>, explained: Record<string, string>,
 *   under_way: Record<string, {first: number, curves: Record<string, (number | null)[]>}>,
 *   importance?: {method: string, of: Record<string, Record<string, number>>} | null}} Facts */

export const COSTS = ["params", "macs", "memory_bytes", "training_memory_bytes", "latency_ms", "predicted_latency_ms"];

export class Run {
  /** @type {Facts} */
  facts = { title: "", place: "", status: "", objectives: [], top: 0, budget: {}, units: {}, refusals: {}, notes: {}, links: {}, explained: {}, under_way: {} };
  /** @type {number[]} */
  number = [];
  /** @type {number[]} */
  rung = [];
  /** @type {(number | null)[]} */
  seconds = [];
  /** @type {([string, string] | null)[]} */
  failure = [];
  /** @type {(Record<string, number> | null)[]} */
  refused = [];
  /** @type {Map<string, Maybe[]>} */
  metrics = new Map();
  /** @type {Map<string, {options: unknown[], chosen: number[]}>} */
  choices = new Map();
  /** @type {Map<string, ((number | null)[] | null | undefined)[]>} */
  curves = new Map();
  /** @type {Map<number, number>} */
  rows = new Map();
  /** @type {Record<string, Unit>} */
  units = {};
  /** What follows from the rows, until there are others. @type {{front?: number[], names?: string[], order?: number[]}} */
  known = {};

  /** Take in what `archsearch.report.rows` describes. @param {{run?: Partial<Facts>, rows?: Rows}} message @returns {"rows" | "under way"} what has changed: all, or only what is under way */
  add(message) {
    const { refusals } = this.facts, slight = !message.rows && !Object.keys(message.run?.notes ?? {}).length;
    if (message.run) this.facts = { ...this.facts, ...message.run, notes: { ...this.facts.notes, ...message.run.notes } };
    Object.assign(this.units, this.facts.units, message.rows?.units);
    if (message.rows) this.take(message.rows);
    if (slight && JSON.stringify(refusals) === JSON.stringify(this.facts.refusals)) return "under way";
    this.known = {};
    return "rows";
  }

  /** @param {Rows} given */
  take(given) {
    const places = given.number.map((number, from) => {
      const row = this.rows.get(number) ?? this.number.length;
      this.rows.set(number, row);
      [this.number[row], this.rung[row], this.seconds[row], this.failure[row]] = [number, given.rung[from], given.seconds[from], given.failure[from]];
      this.refused[row] = given.refused?.[from] ?? null;
      return row;
    });
    const fill = (/** @type {Map<string, any[]>} */ columns, /** @type {Record<string, any[]>} */ added) => {
      for (const column of columns.values()) for (const row of places) column[row] = null;
      for (const [name, values] of Object.entries(added)) {
        const column = columns.get(name) ?? [];
        columns.set(name, column);
        places.forEach((row, from) => { column[row] = values[from]; });
      }
    };
    fill(this.metrics, given.metrics);
    fill(this.curves, given.curves);
    for (const { chosen } of this.choices.values()) for (const row of places) chosen[row] = -1;
    for (const [name, { options, chosen }] of Object.entries(given.choices)) this.choose(name, options, chosen, places);
  }

  /** @param {string} name @param {unknown[]} options @param {number[]} chosen @param {number[]} places */
  choose(name, options, chosen, places) {
    const column = this.choices.get(name) ?? { options: [], chosen: [] };
    this.choices.set(name, column);
    const known = new Map(column.options.map((option, place) => [JSON.stringify(option), place]));
    const place = options.map((option) => {
      const text = JSON.stringify(option);
      if (!known.has(text)) known.set(text, column.options.push(option) - 1);
      return /** @type {number} */ (known.get(text));
    });
    places.forEach((row, from) => { column.chosen[row] = chosen[from] < 0 ? -1 : place[chosen[from]]; });
  }

  get count() { return this.number.length; }

  /** Rows by the number of the trial. @returns {number[]} */
  get order() {
    return (this.known.order ??= [...this.number.keys()].sort((a, b) => this.number[a] - this.number[b]));
  }

  /** Whether a trial has a result. @param {number} row */
  ok(row) { return !this.failure[row]; }

  /** Whether its result counts: on the highest rung. @param {number} row */
  counts(row) { return this.ok(row) && this.rung[row] === this.facts.top; }

  /** A measurement; null where there is none, or the trial failed before it. @param {number} row @param {string} metric */
  value(row, metric) {
    const found = this.metrics.get(metric)?.[row];
    return found === undefined ? null : found;
  }

  /** 1 where small is good, -1 where large is. @param {string} metric */
  sign(metric) {
    const goal = this.facts.objectives.find((one) => one.metric === metric || `test_${one.metric}` === metric);
    return goal ? (goal.maximise ? -1 : 1) : /accuracy|miou|iou$/.test(metric) ? -1 : 1;
  }

  /** Names of metrics that are numbers of some trial: objectives, costs, then all others. @returns {string[]} */
  get names() {
    return (this.known.names ??= this.findNames());
  }

  findNames() {
    const goals = this.facts.objectives.map((goal) => goal.metric);
    const all = new Set([...goals, ...COSTS, ...this.metrics.keys()]);
    return [...all].filter((name) => this.metrics.get(name)?.some((value) => typeof value === "number"));
  }

  /** @param {string} metric @returns {Unit} */
  unit(metric) {
    return this.units[metric] ?? { label: metric, axis: metric, factor: 1, suffix: "", prefixed: false };
  }

  /** @param {string} metric @param {Maybe} value */
  text(metric, value) { return written(this.unit(metric), value); }

  /** A metric inside a sentence. @param {string} metric */
  words(metric) {
    const { label } = this.unit(metric);
    return label === label.toUpperCase() || label.startsWith("MACs") ? label : label[0].toLowerCase() + label.slice(1);
  }

  /** Rows that count, with their values in these metrics, to be minimised; those that lack one are left out. @param {string[]} metrics @param {(row: number) => boolean} [among] */
  points(metrics, among) {
    /** @type {{rows: number[], values: number[][]}} */
    const found = { rows: [], values: [] };
    for (let row = 0; row < this.count; row += 1) {
      if (!this.counts(row) || (among && !among(row))) continue;
      const values = metrics.map((metric) => this.value(row, metric));
      if (values.some((value) => value === null)) continue;
      found.rows.push(row);
      found.values.push(values.map((value, axis) => this.sign(metrics[axis]) * Number(value)));
    }
    return found;
  }

  /** Rows on the front in all objectives, the best of the first one first. @returns {number[]} */
  get front() {
    return (this.known.front ??= this.frontAmong());
  }

  /** The same of some rows alone. @param {(row: number) => boolean} [among] */
  frontAmong(among) {
    const { rows, values } = this.points(this.facts.objectives.map((goal) => goal.metric), among);
    const places = frontOf(values).sort((a, b) => values[a][0] - values[b][0] || this.number[rows[a]] - this.number[rows[b]]);
    return places.map((place) => rows[place]);
  }

  /** The options of a choice in their order, numbers by size, and the place of each one met. @param {string} name */
  options(name) {
    const met = this.choices.get(name)?.options ?? [];
    const order = met.map((_, place) => place).sort((a, b) => compareOptions(met[a], met[b]));
    const ranks = Array(met.length).fill(0);
    order.forEach((place, rank) => { ranks[place] = rank; });
    return { sorted: order.map((place) => met[place]), ranks };
  }

  /** The choices of a trial, by name. @param {number} row @returns {Map<string, unknown>} */
  chosen(row) {
    const found = new Map();
    for (const [name, { options, chosen }] of this.choices) if ((chosen[row] ?? -1) >= 0) found.set(name, options[chosen[row]]);
    return found;
  }
}

/** @param {unknown} a @param {unknown} b */
function compareOptions(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return typeof a === "string" && typeof b === "string" ? a.localeCompare(b, "en", { numeric: true }) : 0;
}

/** A choice as text. @param {unknown} value */
export function optionText(value) {
  return value === null ? "none" : value === true ? "yes" : value === false ? "no" : String(value);
}
