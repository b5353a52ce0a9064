// What is looked at: one state for the whole page, kept in the address, so that a link leads to the same view.

/** @typedef {import("./run.js").Run} Run */
/** @typedef {{selected: number | null, compared: number[], x: string, y: string, colour: string, scale: Record<string, boolean>,
 *   brushes: Record<string, [number, number]>, limits: Record<string, number>, listed: string}} State */

export const MOST_COMPARED = 3;

export class View {
  /** @param {Run} run */
  constructor(run) {
    this.run = run;
    /** @type {((changed: Set<string>) => void)[]} */
    this.listeners = [];
    /** @type {Set<string>} */
    this.changed = new Set();
    this.waiting = false;
    /** @type {State} */
    this.state = { ...this.usual(), ...readState(location.hash, run) };
    /** @type {Uint8Array | null} */
    this.mask = null;
    addEventListener("hashchange", () => {
      if (location.hash !== this.written) this.set({ ...this.usual(), ...readState(location.hash, run) });
    });
    this.written = location.hash;
  }

  /** How the page begins: the best network is selected. @returns {State} */
  usual() {
    const { run } = this, goals = run.facts.objectives.map((goal) => goal.metric), names = run.names;
    const y = goals[0] ?? names[0] ?? "", x = goals[1] ?? names.find((name) => name !== y) ?? y;
    const best = run.front[0];
    return { selected: best === undefined ? null : run.number[best], compared: [], x, y, colour: "", scale: {}, brushes: {}, limits: {}, listed: "front" };
  }

  /** Change the state; who listens hears it once, when all changes of this moment are made. @param {Partial<State>} patch */
  set(patch) {
    for (const [name, value] of Object.entries(patch)) {
      if (JSON.stringify(/** @type {any} */ (this.state)[name]) === JSON.stringify(value)) continue;
      /** @type {any} */ (this.state)[name] = value;
      this.changed.add(name);
    }
    if (this.changed.size) this.tell();
  }

  /** What is not part of the state has changed: the run has grown, or goes on, or the colours are others. @param {"rows" | "under way" | "colours"} part */
  renew(part) {
    this.changed.add(part);
    this.tell();
  }

  tell() {
    if (this.changed.has("brushes") || this.changed.has("limits") || this.changed.has("rows")) this.mask = null;
    if (this.waiting) return;
    this.waiting = true;
    queueMicrotask(() => {
      const changed = this.changed;
      this.changed = new Set();
      this.waiting = false;
      this.remember();
      for (const listen of this.listeners) listen(changed);
    });
  }

  /** Call when one of these parts of the state changes, and what `renew` names among them, and once now. @param {string[]} parts @param {(changed: Set<string>) => void} act */
  on(parts, act) {
    this.listeners.push((changed) => {
      if (parts.some((part) => changed.has(part))) act(changed);
    });
    act(new Set(parts));
  }

  remember() {
    const text = hashOf(this.state, this.usual());
    if (text === location.hash || (!text && !location.hash)) return;
    this.written = text;
    history.replaceState(null, "", text || location.pathname + location.search);
  }

  /** Select a trial by its number; null selects none. @param {number | null} number */
  select(number) { this.set({ selected: number }); }

  /** The row of the selected trial. */
  get row() {
    return this.state.selected === null ? null : this.run.rows.get(this.state.selected) ?? null;
  }

  /** Put a trial among those compared, or take it out; the oldest makes room. @param {number} number */
  compare(number) {
    const { compared } = this.state, without = compared.filter((one) => one !== number);
    this.set({ compared: without.length < compared.length ? without : [...compared, number].slice(-MOST_COMPARED) });
  }

  /** Whether filters and limits let a trial pass. @param {number} row */
  passes(row) {
    this.mask ??= this.filter();
    return this.mask[row] === 1;
  }

  get isFiltered() {
    return Object.keys(this.state.brushes).length + Object.keys(this.state.limits).length > 0;
  }

  filter() {
    const { run, state } = this, mask = new Uint8Array(run.count).fill(1);
    for (const [name, [low, high]] of Object.entries(state.brushes)) {
      const column = axisValues(run, name);
      for (let row = 0; row < run.count; row += 1) {
        const value = column(row);
        if (value === null || value < low || value > high) mask[row] = 0;
      }
    }
    for (const [metric, limit] of Object.entries(state.limits))
      for (let row = 0; row < run.count; row += 1) {
        const value = run.value(row, metric);
        if (value === null || value > limit) mask[row] = 0;
      }
    return mask;
  }
}

/** What an axis shows of a row: a metric by its name, or behind a colon a choice by the place of its option among all. @param {Run} run @param {string} name */
export function axisValues(run, name) {
  if (!name.startsWith(":")) return (/** @type {number} */ row) => (run.ok(row) ? run.value(row, name) : null);
  const chosen = run.choices.get(name.slice(1))?.chosen ?? [], { ranks } = run.options(name.slice(1));
  return (/** @type {number} */ row) => ((chosen[row] ?? -1) < 0 ? null : ranks[chosen[row]]);
}

/** @param {State} state @param {State} usual */
function hashOf(state, usual) {
  const found = new URLSearchParams();
  if (state.selected !== usual.selected) found.set("trial", state.selected === null ? "none" : String(state.selected));
  if (state.compared.length) found.set("compare", state.compared.join("."));
  for (const name of /** @type {("x" | "y" | "colour" | "listed")[]} */ (["x", "y", "colour", "listed"])) if (state[name] !== usual[name]) found.set(name, state[name]);
  for (const [metric, log] of Object.entries(state.scale)) found.set(`log.${metric}`, log ? "1" : "0");
  for (const [name, [low, high]] of Object.entries(state.brushes)) found.set(`in.${name}`, `${low}..${high}`);
  for (const [metric, limit] of Object.entries(state.limits)) found.set(`max.${metric}`, String(limit));
  const text = found.toString();
  return text ? `#${text}` : "";
}

/** What an address says; what it says of unknown trials or metrics is left out. @param {string} hash @param {Run} run @returns {Partial<State>} */
function readState(hash, run) {
  const given = new URLSearchParams(hash.slice(1)), names = new Set(run.names);
  /** @type {Partial<State>} */
  const found = {};
  const trial = given.get("trial");
  if (trial === "none") found.selected = null;
  else if (trial !== null && run.rows.has(Number(trial))) found.selected = Number(trial);
  const compared = (given.get("compare") ?? "").split(".").filter((one) => one !== "").map(Number);
  found.compared = compared.filter((one) => run.rows.has(one)).slice(0, MOST_COMPARED);
  for (const name of /** @type {("x" | "y" | "colour")[]} */ (["x", "y", "colour"])) {
    const metric = given.get(name);
    if (metric !== null && (names.has(metric) || (name === "colour" && !metric))) found[name] = metric;
  }
  if (["front", "filtered", "all", "failed"].includes(given.get("listed") ?? "")) found.listed = String(given.get("listed"));
  [found.scale, found.brushes, found.limits] = [{}, {}, {}];
  for (const [key, value] of given) {
    const [, kind, name] = /^(log|in|max)\.(.*)$/s.exec(key) ?? [];
    const known = name !== undefined && (names.has(name) || (kind === "in" && run.choices.has(name.slice(1))));
    const [low, high] = value.split("..").map(Number);
    if (!known || !Number.isFinite(low)) continue;
    if (kind === "log") found.scale[name] = value === "1";
    if (kind === "max") found.limits[name] = low;
    if (kind === "in" && Number.isFinite(high)) found.brushes[name] = [low, high];
  }
  return found;
}
