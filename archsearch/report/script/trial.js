// The selected trial: its numbers, its network drawn, what it costs where, how it learnt, where it comes from.

import { button, byId, copy, cut, download, h } from "./dom.js";
import { COLOURS, Figure, colour, metricAxis, plain, plainTable } from "./figure.js";
import { DrawingPanel, fileName } from "./network.js";
import { optionText } from "./run.js";
import { stateOf } from "./scatter.js";
import { DASH, duration, gap, prefixed } from "./units.js";

/** @typedef {import("./view.js").View} View */
/** @typedef {import("./run.js").Run} Run */
/** @typedef {import("./network.js").Networks} Networks */
/** @typedef {import("./network.js").Network} Network */

const TABS = ["Drawing", "Costs", "Memory", "Curve", "Lineage", "Choices"];
const LISTED = 400;

export class TrialPanel {
  /** @param {View} view @param {Networks} networks */
  constructor(view, networks) {
    this.view = view;
    this.networks = networks;
    this.open = TABS[0];
    /** @type {number | null} */
    this.shown = null;
    /** @type {DrawingPanel | undefined} */
    this.panel = undefined;
    /** @type {Network} */
    this.network = {};
    this.memory = new Figure("memory", "Memory while it runs", () => this.memoryChart());
    this.curve = new Figure("curve", "Learning curve", () => this.curveChart());
    this.head = h("div", {});
    this.tabs = h("div", { class: "tabs", role: "tablist", "aria-label": "What to show of the trial" });
    this.body = h("div", { class: "tab-body", role: "tabpanel", id: "trial-body", tabindex: "0" });
    for (const name of TABS) this.tabs.append(button(name, () => this.show(name), { role: "tab", id: `tab-${name}`, "aria-controls": "trial-body" }));
    this.tabs.addEventListener("keydown", (event) => this.turn(event));
    byId("trial").append(this.head, this.tabs, this.body);
    view.on(["selected", "rows"], (changed) => void this.select(changed));
    view.on(["compared"], () => this.fillHead());
    view.on(["colours"], () => this.panel?.draw());
  }

  /** @param {KeyboardEvent} event */
  turn(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = TABS[(TABS.indexOf(this.open) + step + TABS.length) % TABS.length];
    this.show(next);
    byId(`tab-${next}`).focus();
  }

  /** @param {string} name */
  show(name) {
    this.open = name;
    this.fill();
  }

  /** @param {Set<string>} changed */
  async select(changed) {
    this.fillHead();
    const { row } = this.view, number = row === null ? null : this.view.run.number[row];
    if (!changed.has("selected") && this.shown === number) return;
    this.shown = number;
    if (number === null) {
      this.network = {};
      this.panel = undefined;
      return this.fill();
    }
    const network = await this.networks.of(number);
    if (this.shown !== number) return undefined;
    this.network = network;
    this.panel = undefined;
    return this.fill();
  }

  get title() { return this.shown === null ? "no trial" : `trial ${this.shown}`; }

  fillHead() {
    const { row, run } = this.view;
    if (row === null) {
      this.head.replaceChildren(h("h3", {}, "No trial is selected"), h("p", { class: "note" }, "Click one in the chart or in a table."));
      return;
    }
    const front = new Set(run.front), number = run.number[row], state = stateOf(run, row, front), failure = run.failure[row];
    const numbers = run.names.map((name) => [name, run.value(row, name)]).filter(([, value]) => value !== null);
    const seconds = run.seconds[row];
    this.head.replaceChildren(
      h("div", { class: "trial-head" }, h("h3", {}, `Trial ${number}`), h("span", { class: `badge ${failure ? "bad" : front.has(row) ? "good" : ""}` }, state), this.steps(number)),
      failure ? h("p", { class: "failure" }, cut(failure[1], 600)) : "",
      h("dl", { class: "facts" }, numbers.map(([name, value]) => h("div", {}, h("dt", { title: String(name) }, cut(run.unit(String(name)).label, 40)), h("dd", {}, run.text(String(name), Number(value))))),
        typeof seconds === "number" ? h("div", {}, h("dt", {}, "Time"), h("dd", {}, duration(seconds))) : ""),
      h("div", { class: "buttons" }, this.actions(number)),
    );
  }

  /** @param {number} number */
  steps(number) {
    const { run } = this.view, order = run.order, at = order.findIndex((row) => run.number[row] === number);
    const to = (/** @type {number} */ place) => () => this.view.select(run.number[order[place]]);
    return h("span", { class: "buttons steps" }, button("\u2190", to(at - 1), { "aria-label": "The trial before", disabled: at <= 0 }),
      button("\u2192", to(at + 1), { "aria-label": "The next trial", disabled: at + 1 >= order.length }));
  }

  /** @param {number} number */
  actions(number) {
    const { run, state } = this.view, isIn = state.compared.includes(number), { links, explained } = run.facts;
    const beside = (/** @type {string | undefined} */ target, /** @type {string} */ text, more = {}) => (target && !/^[a-z]+:|^[/\\]/i.test(target) ? h("a", { href: target, class: "button", ...more }, text) : "");
    const explain = () => void copy(`archsearch explain ${where}`, "The command");
    const where = `${quoted(run.facts.place)}:${number}`;
    return [
      button(isIn ? "Take out of the comparison" : "Compare", () => this.view.compare(number), { "aria-pressed": String(isIn), class: isIn ? "on" : "main" }),
      button("Copy genotype", () => void this.copyGenotype()),
      button("Copy export command", () => void copy(`archsearch export ${where} --out trial-${number}`, "The command")),
      button("JSON", () => this.saveJson(number), { "aria-label": "Download the trial as JSON" }),
      beside(links[number], "Model file"),
      beside(explained[number], "Explanation", { title: "What it does with images" }) || (run.front.includes(Number(run.rows.get(number))) && button("Copy explain command", explain)),
    ];
  }

  async copyGenotype() {
    if (this.network.genotype) return copy(this.network.genotype, "The genotype");
    return copy(`archsearch show ${quoted(this.view.run.facts.place)}:${this.shown} --json`, "The page lacks it; the command that shows it is");
  }

  /** @param {number} number */
  saveJson(number) {
    const { run } = this.view, row = Number(run.rows.get(number)), failure = run.failure[row];
    const metrics = Object.fromEntries([...run.metrics].map(([name, column]) => [name, column[row]]).filter(([, value]) => typeof value === "number"));
    const curve = Object.fromEntries([...run.curves].map(([name, column]) => [name, column[row]]).filter(([, value]) => value));
    const told = { trial: number, rung: run.rung[row], seconds: run.seconds[row], failure: failure && { kind: failure[0], message: failure[1] }, metrics, choices: Object.fromEntries(run.chosen(row)), curve };
    const genotype = this.network.genotype ? JSON.parse(this.network.genotype) : null;
    download(`trial-${number}.json`, JSON.stringify({ ...told, genotype }, null, 1));
  }

  fill() {
    for (const tab of this.tabs.children) {
      const chosen = tab.textContent === this.open;
      tab.setAttribute("aria-selected", String(chosen));
      tab.setAttribute("tabindex", chosen ? "0" : "-1");
    }
    this.body.setAttribute("aria-labelledby", `tab-${this.open}`);
    const { row } = this.view;
    this.body.replaceChildren(...(row === null ? [] : [this.content(row)].flat()));
    this.body.dataset.shown = `${this.open} ${this.shown}`;
  }

  /** @param {number} row @returns {Node | Node[]} */
  content(row) {
    const missing = h("p", { class: "empty" }, this.network.undrawn ?? "Nothing is known of its network.");
    switch (this.open) {
      case "Drawing":
        if (!this.network.drawing) return missing;
        this.panel ??= new DrawingPanel(this.title, this.network.drawing);
        return this.panel.element;
      case "Costs": return this.network.drawing ? costTable(this.network.drawing) : missing;
      case "Memory":
        this.memory.stale();
        return this.network.memory ? this.memory.element : missing;
      case "Curve":
        this.curve.stale();
        return [...this.view.run.curves.values()].some((column) => column[row]) ? this.curve.element : h("p", { class: "empty" }, "It reported no epochs.");
      case "Lineage": return lineage(this.view, row);
      default: return choicesTable(this.view.run, row);
    }
  }

  memoryChart() {
    const { memory } = this.network;
    if (!memory) return null;
    const at = memory.live.map((_, place) => place + 1), bytes = memory.live.map((live) => (live + memory.state) / 1e6);
    const text = memory.names.map((name, place) => `${plain(cut(name, 60))}<br>${prefixed(memory.live[place] + memory.state, "B")}`);
    const level = (/** @type {number} */ value, /** @type {string} */ name) => ({ type: "scatter", mode: "lines", name, x: [1, at.length], y: [value / 1e6, value / 1e6], hoverinfo: "name", line: { dash: "dash", width: 1.2, color: colour("muted") } });
    return {
      traces: [{ type: "scatter", mode: "lines", fill: "tozeroy", x: at, y: bytes, hovertext: text, hoverinfo: "text", line: { shape: "hvh", width: 1.5, color: COLOURS[0] }, name: "live" }, level(memory.state, "weights and buffers"), level(memory.peak, "peak")],
      layout: { xaxis: { title: { text: "Op, in the order they run" } }, yaxis: { title: { text: "MB, one sample in float32" }, rangemode: "tozero" } },
      heads: ["Op", "Bytes"], rows: memory.names.map((name, place) => [name, memory.live[place] + memory.state]),
      label: `Bytes in memory after each of ${at.length} ops; the peak is ${prefixed(memory.peak, "B")}, ${prefixed(memory.state, "B")} of it weights.`,
    };
  }

  curveChart() {
    const { run, row } = this.view;
    if (row === null) return null;
    const curves = [...run.curves].flatMap(([name, column]) => (column[row] ? [{ name, values: /** @type {(number | null)[]} */ (column[row]) }] : []));
    const shares = curves.filter(({ name }) => run.unit(name).suffix === "%"), others = curves.filter(({ name }) => run.unit(name).suffix !== "%");
    if (!curves.length) return null;
    const [first, second] = shares.length ? [shares, others] : [others, []];
    const trace = (/** @type {typeof curves[0]} */ { name, values }, /** @type {number} */ place, /** @type {string} */ yaxis) => ({
      type: "scatter", mode: values.length > 1 ? "lines" : "markers", name: plain(run.unit(name).label), yaxis, x: values.map((_, epoch) => epoch + 1),
      y: values.map((value) => (value === null ? null : value * run.unit(name).factor)), connectgaps: false, line: { width: 1.75, color: COLOURS[place], dash: yaxis === "y2" ? "dot" : "solid" },
      hovertext: values.map((value, epoch) => `epoch ${epoch + 1}: ${run.text(name, value)}`), hoverinfo: "text+name",
    });
    const traces = [...first.map((one, place) => trace(one, place, "y")), ...second.map((one, place) => trace(one, first.length + place, "y2"))];
    const words = (/** @type {typeof curves} */ some) => some.map(({ name }) => plain(run.unit(name).label)).join(", ");
    return {
      traces, label: `${words(curves)} by epoch`,
      layout: { xaxis: { title: { text: "Epoch" }, rangemode: "tozero" }, yaxis: { title: { text: `${words(first)}${shares.length ? " (%)" : ""}` }, rangemode: "tozero" }, ...(second.length && { yaxis2: { title: { text: words(second) }, overlaying: "y", side: "right", showgrid: false } }), showlegend: traces.length > 1 },
      heads: ["Epoch", ...curves.map(({ name }) => run.unit(name).label)],
      rows: Array.from({ length: Math.max(...curves.map(({ values }) => values.length)) }, (_, epoch) => [epoch + 1, ...curves.map(({ values }) => values[epoch] ?? null)]),
    };
  }
}

/** A path as a shell takes it. @param {string} text */
export function quoted(text) {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** What every scope costs, and every op in one; the dearest can be seen at a glance. @param {import("./network.js").Drawing} drawing */
function costTable(drawing) {
  const total = drawing.totals, share = (/** @type {number} */ part, /** @type {number} */ whole) => `${((part / Math.max(whole, 1)) * 100).toFixed(1)}%`;
  const boxes = Object.entries(drawing.boxes).filter(([, box]) => box.totals[0] > 0);
  const bar = (/** @type {number} */ part, /** @type {number} */ whole) => {
    const inner = h("i", {});
    inner.style.width = `${(part / Math.max(whole, 1)) * 100}%`;
    return h("td", { class: "bar" }, inner, h("span", {}, `${prefixed(part)} `, h("small", {}, share(part, whole))));
  };
  const rows = boxes.slice(0, LISTED).map(([, box]) => {
    const name = h("td", { class: "text name" }, box.kind === "scope" ? h("b", {}, cut(box.name, 60)) : cut(box.name.split("/").pop() ?? "", 60), box.count > 1 ? ` \u00d7${box.count}` : "");
    name.style.paddingLeft = `${8 + 14 * Math.max(0, box.name.split("/").length - 1)}px`;
    const [nodes, params, macs, memory] = box.totals;
    return h("tr", {}, name, h("td", { class: "text", title: cut(box.op ?? "", 400) }, box.kind === "scope" ? `${nodes} ops` : cut(box.op ?? "", 34)), h("td", {}, box.shape.join("\u00d7")), bar(params, total[1]), bar(macs, total[2]), bar(memory, total[3]));
  });
  const heads = ["Scope or op", "What", "Output", "Params", "MACs", "Bytes made"].map((head, place) => h("th", { scope: "col", ...(place < 2 && { class: "text" }) }, head));
  const rest = boxes.length > LISTED ? h("p", { class: "note" }, `The first ${LISTED} of ${boxes.length}.`) : h("p", { class: "note" }, "Of one sample in float32; bars show shares of the whole.");
  return [h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Costs" }, h("table", { class: "dense" }, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows))), rest];
}

/** The earlier trial with the fewest other choices: where it most likely comes from. @param {View} view @param {number} row */
function lineage(view, row) {
  const { run } = view, columns = [...run.choices.values()];
  let [parent, least] = [-1, Infinity];
  for (let other = 0; other < run.count; other += 1) {
    if (run.number[other] >= run.number[row]) continue;
    let apart = 0;
    for (const { chosen } of columns) if ((chosen[other] ?? -1) !== (chosen[row] ?? -1)) apart += 1;
    if (apart < least || (apart === least && run.number[other] > run.number[parent])) [parent, least] = [other, apart];
  }
  if (parent < 0 || !columns.length) return [h("p", { class: "empty" }, "No trial came before it.")];
  const before = run.chosen(parent), after = run.chosen(row), names = [...run.choices.keys()].filter((name) => before.get(name) !== after.get(name));
  const changes = names.slice(0, LISTED).map((name) => [cut(name, 80), before.has(name) ? cut(optionText(before.get(name)), 80) : DASH, after.has(name) ? cut(optionText(after.get(name)), 80) : DASH]);
  const shifts = run.names.flatMap((name) => {
    const [from, to] = [run.value(parent, name), run.value(row, name)];
    return from === null || to === null ? [] : [[cut(run.unit(name).label, 40), run.text(name, from), run.text(name, to), gap(run.unit(name), from, to)]];
  });
  const alike = columns.length - least, link = button(`trial ${run.number[parent]}`, () => view.select(run.number[parent]), { class: "link" });
  return [
    h("p", {}, "Nearest earlier trial: ", link, `, which shares ${alike} of ${columns.length} choices. A run does not record which trial a strategy changed; this one is the likeliest.`),
    plainTable(["Choice", "There", "Here"], changes), plainTable(["Metric", "There", "Here", "Difference"], shifts),
  ];
}

/** @param {Run} run @param {number} row */
function choicesTable(run, row) {
  const made = [...run.chosen(row)].map(([name, value]) => [cut(name, 120), cut(optionText(value), 200)]);
  return made.length ? plainTable(["Choice", "Option"], made) : h("p", { class: "empty" }, "It made no choices.");
}
