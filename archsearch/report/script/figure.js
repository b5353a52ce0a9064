// A chart with its buttons and its table twin. It is drawn when it comes into sight, and again when it is out of date.

import { announce, button, csv, dataText, download, h, unpack } from "./dom.js";
import { extent, logMarks, prefixed } from "./units.js";

/** @typedef {import("./run.js").Run} Run */
/** @typedef {(string | number | null)[]} Cells */
/** @typedef {{traces: any[], layout: Record<string, any>, heads: string[], rows: Cells[], label: string, height?: number}} Drawn */

/** Eight colours that people with any colour vision tell apart (Okabe & Ito 2008, a little deeper), for lines on light and dark. */
export const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b08500", "#56b4e9", "#8a6fd1", "#7f7f7f"];
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif';
const MOST_ROWS = 200;
export const CONFIG = { displayModeBar: false, displaylogo: false, showSendToCloud: false, plotlyServerURL: "", responsive: true, doubleClick: "reset" };

/** @type {any} */
let library = null;
/** @type {Set<Figure>} */
const everyFigure = new Set();

/** Plotly, which lies in the page packed; the page's policy admits the unpacked text by its digest. */
export async function loadLibrary() {
  const packed = dataText("library");
  if (packed === null) return;
  const script = h("script", {});
  script.textContent = await unpack(packed);
  document.head.append(script);
  library = /** @type {any} */ (window).Plotly;
  for (const figure of everyFigure) figure.draw();
}

/**
 * Draw all again whenever the colours change; paper gets light ones, and also what was never in sight.
 * @param {() => void} [act] what is to be done besides @returns {() => void} to be called when the page changes its colours itself
 */
export function followColours(act = () => undefined) {
  const { dataset } = document.documentElement;
  let chosen = dataset.theme;
  const again = () => {
    for (const figure of everyFigure) figure.stale();
    act();
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  addEventListener("beforeprint", () => {
    chosen = dataset.theme;
    dataset.theme = "light";
    for (const figure of everyFigure) figure.seen = true;
    again();
  });
  addEventListener("afterprint", () => {
    if (chosen === undefined) delete dataset.theme;
    else dataset.theme = chosen;
    again();
  });
  return again;
}

/** A colour of the page. @param {string} name */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export class Figure {
  /** @param {string} id @param {string} title @param {() => Drawn | null} make @param {{tall?: boolean, bare?: boolean, tools?: HTMLElement, marks?: () => any[]}} [look] a tall chart; without a title of its own; with tools in its head; with shapes over it that come and go without the rest */
  constructor(id, title, make, look = {}) {
    this.id = id;
    /** @type {Drawn | null | undefined} */
    this.made = undefined;
    this.make = make;
    this.marks = look.marks;
    this.old = true;
    this.seen = false;
    this.twinOpen = false;
    this.chart = h("div", { class: `chart${look.tall ? " tall" : ""}`, id, role: "img", "aria-label": title });
    this.twin = h("div", { class: "twin scroll", tabindex: "0", role: "region", "aria-label": `${title} as a table`, hidden: true });
    this.twinButton = button("Table", () => this.flip(), { "aria-expanded": "false", "aria-label": `${title} as a table` });
    const save = (/** @type {string} */ kind) => button(kind.toUpperCase(), () => void this.save(kind), { "aria-label": `${title} as ${kind.toUpperCase()}` });
    const list = button("CSV", () => this.saveTable(), { "aria-label": `${title} as CSV` });
    this.head = h("div", { class: "figure-head" }, look.bare ? "" : h("h3", {}, title), look.tools, h("div", { class: "buttons" }, this.twinButton, save("png"), save("svg"), list));
    this.element = h("figure", { class: "figure-box" }, this.head, this.chart, this.twin);
    everyFigure.add(this);
    new IntersectionObserver((entries) => {
      this.seen = entries[entries.length - 1].isIntersecting;
      this.draw();
    }, { rootMargin: "200px" }).observe(this.element);
  }

  /** What it shows has changed. */
  stale() {
    this.old = true;
    this.draw();
  }

  /** Its marks alone have changed. */
  mark() {
    if (!this.old && this.made && library) void library.relayout(this.chart, { shapes: this.shapes(this.made.layout) });
  }

  /** Shapes of the layout, then the marks. @param {Record<string, any>} own */
  shapes(own) { return [...(own.shapes ?? []), ...(this.marks?.() ?? [])]; }

  draw() {
    if (!this.old || !this.seen || !library) return;
    this.old = false;
    const made = this.make();
    this.element.classList.toggle("empty", !made);
    this.made = made;
    if (!made) return;
    this.chart.setAttribute("aria-label", made.label);
    if (made.height) this.chart.style.height = `${made.height}px`;
    void library.react(this.chart, made.traces, this.layout(made.layout), CONFIG).then(() => { this.chart.dataset.drawn = "yes"; });
    if (this.twinOpen) this.fillTwin();
  }

  /** @param {Record<string, any>} own */
  layout(own) {
    const [text, muted, line] = [colour("text"), colour("muted"), colour("line")];
    const axis = (/** @type {any} */ given) => ({
      gridcolor: line, zeroline: false, ticks: "", automargin: true, color: muted, tickfont: { size: 12 }, ...given, title: { standoff: 10, font: { size: 13, color: muted }, ...given.title },
    });
    const axes = Object.fromEntries(Object.entries(own).filter(([name]) => /^[xy]axis/.test(name)).map(([name, given]) => [name, axis(given)]));
    return {
      template: {}, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
      margin: { l: 56, r: 12, t: 8, b: 44 }, font: { family: FONT, size: 13, color: text }, hovermode: "closest", showlegend: false,
      hoverlabel: { align: "left", bgcolor: colour("panel"), bordercolor: line, font: { family: FONT, size: 12, color: text } },
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { color: text } }, ...own, ...axes, shapes: this.shapes(own),
    };
  }

  flip() {
    this.force();
    this.twinOpen = !this.twinOpen;
    this.twin.hidden = !this.twinOpen;
    this.twinButton.setAttribute("aria-expanded", String(this.twinOpen));
    if (this.twinOpen) this.fillTwin();
  }

  fillTwin() {
    const { heads, rows } = this.made ?? { heads: [], rows: [] };
    this.twin.replaceChildren(plainTable(heads, rows.slice(0, MOST_ROWS)));
    if (rows.length > MOST_ROWS) this.twin.append(h("p", { class: "note" }, `The first ${MOST_ROWS} of ${rows.length.toLocaleString("en")} rows; CSV has all.`));
  }

  /** Draw it although it was never in sight. */
  force() {
    this.seen = true;
    this.draw();
  }

  saveTable() {
    this.force();
    if (this.made) download(`${this.id}.csv`, csv([this.made.heads, ...this.made.rows]));
  }

  /** @param {string} kind */
  async save(kind) {
    this.force();
    if (!library || !this.made) return announce("There is nothing to save yet", true);
    const { clientWidth: width, clientHeight: height } = this.chart, ground = colour("page");
    const layout = { ...this.layout(this.made.layout), width, height, paper_bgcolor: ground, plot_bgcolor: ground };
    const url = await library.toImage({ data: this.made.traces, layout, config: CONFIG }, { format: kind, width, height, scale: kind === "png" ? 2 : 1 });
    if (kind === "png") return download(`${this.id}.png`, url);
    const text = decodeURIComponent(url.slice(url.indexOf(",") + 1));
    return download(`${this.id}.svg`, new Blob([text], { type: "image/svg+xml" }));
  }
}

/** @param {string[]} heads @param {Cells[]} rows */
export function plainTable(heads, rows) {
  const numeric = heads.map((_, column) => rows.some((row) => typeof row[column] === "number"));
  const look = (/** @type {number} */ column) => (numeric[column] ? {} : { class: "text" });
  const cell = (/** @type {string | number | null} */ value) => (value === null ? "\u2013" : typeof value === "number" ? String(Number(value.toPrecision(6))) : value);
  return h("table", {}, h("thead", {}, h("tr", {}, heads.map((head, column) => h("th", { scope: "col", ...look(column) }, head)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((value, column) => h("td", look(column), cell(value)))))));
}

/** An axis for a metric: its title with the unit, and a logarithmic scale where it is asked for. @param {Run} run @param {string} metric @param {number[]} values @param {boolean} log @returns {Record<string, any>} */
export function metricAxis(run, metric, values, log) {
  const unit = run.unit(metric), bare = unit.prefixed && unit.factor === 1, shown = values.map((value) => value * unit.factor);
  const title = { text: plain(unit.axis) };
  const [low, high] = extent(shown);
  if (log && low > 0) {
    const marks = logMarks(low, high), pad = Math.max(Math.log10(high / low) * 0.04, 0.03);
    const range = [Math.log10(low) - pad, Math.log10(high) + pad];
    return { title, type: "log", range, tickvals: marks, ticktext: marks.map((mark) => (bare ? prefixed(mark, "", true) : String(mark))) };
  }
  if (low === high && high > 0) return { title, type: "linear", range: [0, 2 * high], ...(bare && { tickformat: "~s" }) };
  return { title, type: "linear", ...(bare && { tickformat: "~s" }) };
}

/** Whether values spread so widely that their axis is logarithmic unless it is said otherwise. @param {number[]} values */
export function spreads(values) {
  const [low, high] = extent(values);
  return low > 0 && high / low > 20;
}

/** A text for plotly, which reads some HTML. @param {string} text */
export function plain(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
