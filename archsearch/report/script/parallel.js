// Parallel coordinates: a line for every trial, an axis for every choice and metric; a range marked on an axis filters the whole page.

import { shape } from "../../design/drawing/picture.js";
import { button, byId, choice, csv, cut, download, h } from "./dom.js";
import { colour, plainTable } from "./figure.js";
import { rangeOf, rangeText } from "./picker.js";
import { COSTS, optionText } from "./run.js";
import { saveSvg } from "./save.js";
import { valuesOf } from "./scatter.js";
import { axisValues } from "./view.js";

/** @typedef {import("./view.js").View} View */
/** @typedef {{name: string, label: string, x: number, low: number, high: number, log: boolean, value: (row: number) => number | null}} Axis */

const [TOP, HEIGHT, NONE, LEFT, APART] = [40, 250, 30, 72, 108];
const [MOST_CHOICES, MOST_METRICS, MOST_LINES, MOST_TICKS] = [12, 6, 3000, 9];

export class Parallel {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
    /** @type {Axis[]} */
    this.axes = [];
    this.old = true;
    this.seen = false;
    this.paper = h("div", { class: "scroll parallel", tabindex: "0", role: "region", "aria-label": "Choices and metrics of trials" });
    this.twin = h("div", { class: "twin scroll", tabindex: "0", role: "region", "aria-label": "Choices and metrics as a table", hidden: true });
    this.note = h("p", { class: "note" });
    this.own = shape("path", {});
    this.form = h("div", { class: "tools" });
    const flip = button("Table", () => this.flip(flip), { "aria-expanded": "false", "aria-label": "Choices and metrics as a table" });
    const save = (/** @type {string} */ kind) => button(kind.toUpperCase(), () => { if (this.svg) void saveSvg(this.svg, "parallel", kind, colour("page")); }, { "aria-label": `Choices and metrics as ${kind.toUpperCase()}` });
    const list = button("CSV", () => download("parallel.csv", csv([this.heads(), ...this.cells()])), { "aria-label": "Choices and metrics as CSV" });
    const head = h("div", { class: "figure-head" }, this.form, h("div", { class: "buttons" }, flip, save("png"), save("svg"), list));
    byId("parallel").append(this.note, h("figure", { class: "figure-box" }, head, this.paper, this.twin));
    view.on(["rows", "brushes", "limits", "colours"], () => this.stale());
    addEventListener("beforeprint", () => {
      this.seen = true;
      this.draw();
    });
    view.on(["selected"], () => this.mark());
    new IntersectionObserver((entries) => {
      this.seen = entries[entries.length - 1].isIntersecting;
      this.draw();
    }, { rootMargin: "200px" }).observe(this.paper);
    new ResizeObserver(() => this.stale()).observe(byId("parallel"));
  }

  stale() {
    this.old = true;
    this.draw();
  }

  /** Another trial is selected: its line alone is another one. */
  mark() {
    if (!this.old) this.own.setAttribute("d", this.ownPath());
  }

  /** @param {HTMLElement} by */
  flip(by) {
    this.twin.hidden = !this.twin.hidden;
    by.setAttribute("aria-expanded", String(!this.twin.hidden));
    this.fillTwin();
  }

  fillTwin() {
    if (!this.twin.hidden) this.twin.replaceChildren(plainTable(this.heads(), this.cells().slice(0, 200)));
  }

  heads() { return ["Trial", ...this.axes.map((axis) => axis.label)]; }

  /** @returns {(string | number | null)[][]} */
  cells() {
    const { run } = this.view, texts = this.axes.map((axis) => (axis.name.startsWith(":") ? run.options(axis.name.slice(1)).sorted.map(optionText) : null));
    return run.order.filter((row) => this.view.passes(row)).map((row) => [run.number[row], ...this.axes.map((axis, place) => {
      const value = axis.value(row);
      return value === null ? null : texts[place]?.[value] ?? value;
    })]);
  }

  /** Choices with several options, those that matter most first where that is known; then objectives and costs. */
  chooseAxes() {
    const { run } = this.view, weight = Object.values(run.facts.importance?.of ?? {})[0] ?? {};
    const choices = [...run.choices].filter(([, { options }]) => options.length > 1).map(([name]) => name).sort((a, b) => (weight[b] ?? 0) - (weight[a] ?? 0));
    const goals = run.facts.objectives.map((goal) => goal.metric), costs = COSTS.filter((name) => !goals.includes(name));
    const metrics = [...goals, ...costs].filter((name) => valuesOf(run, name).length > 1).slice(0, MOST_METRICS);
    const names = [...choices.slice(0, MOST_CHOICES).map((name) => `:${name}`), ...metrics.reverse()];
    const step = Math.max(APART, (this.paper.clientWidth - 2 * LEFT) / Math.max(names.length - 1, 1));
    this.left = choices.length - Math.min(choices.length, MOST_CHOICES);
    this.axes = names.map((name, place) => {
      const [low, high] = rangeOf(this.view, name), log = !name.startsWith(":") && low > 0 && high / low > 20;
      return { name, label: name.startsWith(":") ? name.slice(1) : run.unit(name).label, x: LEFT + place * step, low, high, log, value: axisValues(run, name) };
    });
  }

  /** Where a value stands; a missing one stands below the axis, never on it. @param {Axis} axis @param {number | null} value */
  y(axis, value) {
    if (value === null) return TOP + HEIGHT + NONE;
    const scaled = axis.log ? Math.log(value / axis.low) / Math.log(axis.high / axis.low) : (value - axis.low) / (axis.high - axis.low || 1);
    return TOP + HEIGHT * (1 - (axis.high === axis.low ? 0.5 : scaled));
  }

  /** @param {Axis} axis @param {number} y */
  valueAt(axis, y) {
    const share = Math.min(Math.max(1 - (y - TOP) / HEIGHT, 0), 1);
    return axis.log ? axis.low * (axis.high / axis.low) ** share : axis.low + share * (axis.high - axis.low);
  }

  draw() {
    if (!this.old || !this.seen) return;
    this.old = false;
    this.chooseAxes();
    const { run } = this.view, last = this.axes[this.axes.length - 1];
    byId("parallel").hidden = this.axes.length < 2;
    if (this.axes.length < 2) return;
    const width = last.x + LEFT, height = TOP + HEIGHT + NONE + 18;
    const svg = /** @type {SVGSVGElement} */ (shape("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `A line for each of ${run.count} trials over ${this.axes.length} axes`, "font-family": "system-ui, sans-serif", "font-size": 12 }));
    this.svg = svg;
    svg.append(...this.lines());
    svg.append(shape("text", { x: 8, y: TOP + HEIGHT + NONE + 4, fill: colour("muted") }, "no value"));
    for (const axis of this.axes) svg.append(this.axis(axis));
    this.paper.replaceChildren(svg);
    this.fillForm();
    this.fillTwin();
    const left = this.left ? ` ${this.left} more choices are not shown.` : "", missing = "Failed trials, and choices that were not asked, run through \u201cno value\u201d below.";
    const thin = run.count > MOST_LINES ? ` Of ${run.count.toLocaleString("en")} trials some ${MOST_LINES.toLocaleString("en")} are drawn, the front among them.` : "";
    this.note.textContent = `Drag along an axis to keep a range, click it to let go. ${missing}${left}${thin}`;
  }

  lines() {
    const { run } = this.view, front = new Set(run.front), every = Math.ceil(run.count / MOST_LINES);
    /** @type {Record<"out" | "in" | "front", string[]>} */
    const found = { out: [], in: [], front: [] };
    for (let row = 0; row < run.count; row += 1) {
      if (row % every && !front.has(row)) continue;
      found[!this.view.passes(row) ? "out" : front.has(row) ? "front" : "in"].push(this.path(row));
    }
    const faint = Math.max(0.12, Math.min(0.5, 40 / Math.max(found.in.length, 1)));
    const line = (/** @type {string} */ d, /** @type {string} */ stroke, /** @type {number} */ opacity, /** @type {number} */ width) => shape("path", { d, fill: "none", stroke, "stroke-opacity": opacity, "stroke-width": width });
    const [dim, accent] = [colour("dim"), colour("accent")];
    this.own = line(this.ownPath(), colour("text"), 1, 2.5);
    return [line(found.out.join(""), dim, 0.06, 1), ...found.in.map((one) => line(one, dim, faint, 1)), ...found.front.map((one) => line(one, accent, 0.8, 1.5)), this.own];
  }

  /** The line of a trial over all axes. @param {number} row */
  path(row) {
    return this.axes.map((axis, place) => `${place ? "L" : "M"}${axis.x.toFixed(1)} ${this.y(axis, axis.value(row)).toFixed(1)}`).join("");
  }

  ownPath() { return this.view.row === null ? "" : this.path(this.view.row); }

  /** @param {Axis} axis */
  axis(axis) {
    const group = shape("g", {}), text = colour("text"), muted = colour("muted"), ground = colour("page");
    const label = shape("text", { x: axis.x, y: 18, fill: text, "text-anchor": "middle", "font-weight": "600" }, cut(axis.label, 13));
    label.append(shape("title", {}, cut(axis.label, 300)));
    group.append(label, shape("line", { x1: axis.x, x2: axis.x, y1: TOP, y2: TOP + HEIGHT, stroke: muted, "stroke-width": 1 }));
    for (const [value, words] of this.ticks(axis)) {
      const mark = shape("text", { x: axis.x + 6, y: this.y(axis, value) + 4, fill: muted, stroke: ground, "stroke-width": 4, "stroke-linejoin": "round", "paint-order": "stroke" }, words);
      group.append(mark);
    }
    const brush = this.view.state.brushes[axis.name];
    if (brush) {
      const [high, low] = [this.y(axis, Math.min(brush[1], axis.high)), this.y(axis, Math.max(brush[0], axis.low))];
      group.append(shape("rect", { x: axis.x - 7, y: high - 5, width: 14, height: low - high + 10, fill: colour("accent"), "fill-opacity": 0.35, stroke: colour("accent"), rx: 3 }));
    }
    const handle = shape("rect", { class: "brush", x: axis.x - 16, y: TOP - 8, width: 32, height: HEIGHT + 16, fill: "transparent", "data-axis": axis.name });
    handle.addEventListener("pointerdown", (event) => this.brush(axis, handle, event));
    group.append(handle);
    return group;
  }

  /** @param {Axis} axis @returns {[number, string][]} */
  ticks(axis) {
    const { run } = this.view;
    if (!axis.name.startsWith(":")) return [[axis.high, run.text(axis.name, axis.high)], [axis.low, run.text(axis.name, axis.low)]];
    const options = run.options(axis.name.slice(1)).sorted, every = Math.ceil(options.length / MOST_TICKS);
    return options.map((option, place) => /** @type {[number, string]} */ ([place, cut(optionText(option), 12)])).filter((_, place) => place % every === 0);
  }

  /** @param {Axis} axis @param {SVGElement} handle @param {PointerEvent} event */
  brush(axis, handle, event) {
    event.preventDefault();
    const top = Number(this.svg?.getBoundingClientRect().top), from = event.clientY - top;
    handle.setPointerCapture(event.pointerId);
    const mark = shape("rect", { x: axis.x - 7, width: 14, y: from, height: 0, fill: colour("accent"), "fill-opacity": 0.35, rx: 3 });
    handle.before(mark);
    const move = (/** @type {PointerEvent} */ to) => {
      const y = to.clientY - top;
      mark.setAttribute("y", String(Math.min(from, y)));
      mark.setAttribute("height", String(Math.abs(y - from)));
    };
    handle.addEventListener("pointermove", move);
    handle.addEventListener("pointerup", (to) => {
      handle.removeEventListener("pointermove", move);
      const y = to.clientY - top;
      this.keep(axis.name, Math.abs(y - from) < 4 ? null : [this.valueAt(axis, Math.max(from, y)), this.valueAt(axis, Math.min(from, y))]);
    }, { once: true });
  }

  /** Keep a range of an axis, whole options of a choice; null lets go of it. @param {string} name @param {[number, number] | null} range */
  keep(name, range) {
    const { [name]: _, ...others } = this.view.state.brushes;
    if (!range) return this.view.set({ brushes: others });
    const [low, high] = name.startsWith(":") ? [Math.ceil(range[0] - 0.35), Math.floor(range[1] + 0.35)] : range.map((value) => Number(value.toPrecision(4)));
    return this.view.set({ brushes: low <= high ? { ...others, [name]: [low, high] } : others });
  }

  /** The same by keys: an axis, and its least and largest value or option. */
  fillForm() {
    if (this.form.contains(document.activeElement)) return;
    let [name, low, high] = [this.axes[0].name, 0, 0];
    const ends = h("span", { class: "ends" });
    const fill = () => {
      const axis = this.axes.find((one) => one.name === name) ?? this.axes[0], values = name.startsWith(":")
        ? this.view.run.options(name.slice(1)).sorted.map((option, place) => /** @type {[string, string]} */ ([String(place), cut(optionText(option), 30)]))
        : Array.from({ length: 11 }, (_, place) => this.valueAt(axis, TOP + HEIGHT * (1 - place / 10))).map((value) => /** @type {[string, string]} */ ([String(value), this.view.run.text(name, value)]));
      [low, high] = [Number(values[0][0]), Number(values[values.length - 1][0])];
      ends.replaceChildren(choice("from", values, String(low), (value) => { low = Number(value); }), choice("to", values, String(high), (value) => { high = Number(value); }));
    };
    fill();
    const axes = this.axes.map((axis) => /** @type {[string, string]} */ ([axis.name, cut(axis.label, 30)]));
    const keep = button("Keep", () => this.keep(name, [Math.min(low, high), Math.max(low, high)]), { "aria-label": "Keep this range" });
    const set = Object.entries(this.view.state.brushes).map(([one, range]) => h("span", { class: "chip" }, rangeText(this.view, one, range), button("\u00d7", () => this.keep(one, null), { class: "link", "aria-label": `Let go of ${cut(one, 40)}` })));
    this.form.replaceChildren(choice("Keep of", axes, name, (one) => { name = one; fill(); }), ends, keep, ...set);
  }
}
