// The table of trials: those of the front, those that pass the filters, or all; sorted by any column, a page at a time.

import { button, byId, choice, csv, cut, download, h } from "./dom.js";
import { COSTS, optionText } from "./run.js";
import { stateOf } from "./scatter.js";
import { DASH } from "./units.js";

/** @typedef {import("./view.js").View} View */
/** @typedef {import("./run.js").Run} Run */

const PAGE = 25;
const LISTS = /** @type {[string, string][]} */ ([["front", "on the front"], ["filtered", "within filters"], ["all", "all trials"], ["failed", "failed"]]);

export class TrialTable {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
    this.page = 0;
    this.sort = { name: "", up: true };
    this.tools = h("div", { class: "tools" });
    this.box = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Trials" });
    this.pages = h("div", { class: "buttons pages" });
    byId("trials").append(this.tools, this.box, this.pages);
    view.on(["listed", "rows"], () => this.fillTools());
    view.on(["listed", "rows", "brushes", "limits"], () => {
      this.page = 0;
      this.fill();
    });
    view.on(["selected", "compared"], () => this.mark());
  }

  fillTools() {
    const { view } = this;
    this.tools.replaceChildren(choice("Show", LISTS, view.state.listed, (listed) => view.set({ listed })),
      button("CSV", () => this.save(), { "aria-label": "The table as CSV" }), h("span", { class: "note" }, "Choose a row to select its trial."));
  }

  get rows() {
    const { run, state } = this.view;
    if (state.listed === "front") return this.sorted(run.front);
    const keep = { filtered: (/** @type {number} */ row) => this.view.passes(row), failed: (/** @type {number} */ row) => !run.ok(row) }[state.listed];
    return this.sorted(keep ? run.order.filter(keep) : run.order);
  }

  /** @param {number[]} rows */
  sorted(rows) {
    const { run } = this.view, { name, up } = this.sort;
    if (!name) return rows;
    const value = (/** @type {number} */ row) => (name === "trial" ? run.number[row] : run.value(row, name));
    return [...rows].sort((a, b) => {
      const [one, other] = [value(a), value(b)];
      if (one === null || other === null) return Number(one === null) - Number(other === null);
      return up ? one - other : other - one;
    });
  }

  /** Objectives and costs, each followed by its test; of other metrics a few. */
  get columns() {
    const { run } = this.view, goals = run.facts.objectives.map((goal) => goal.metric), names = run.names;
    const first = names.filter((name) => goals.includes(name) || COSTS.includes(name)), rest = names.filter((name) => !first.includes(name) && !name.startsWith("test_"));
    return [...first, ...rest.slice(0, 4)].flatMap((name) => (names.includes(`test_${name}`) ? [name, `test_${name}`] : [name]));
  }

  fill() {
    const { run } = this.view, { rows, columns } = this, front = new Set(run.front), failed = this.view.state.listed === "failed";
    const last = Math.max(0, Math.ceil(rows.length / PAGE) - 1);
    this.page = Math.min(this.page, last);
    const head = (/** @type {string} */ name, /** @type {string} */ text) => {
      const order = this.sort.name === name ? (this.sort.up ? "ascending" : "descending") : "none";
      return h("th", { scope: "col", "aria-sort": order, title: text }, button(cut(text, 24), () => this.sortBy(name)));
    };
    const body = rows.slice(this.page * PAGE, (this.page + 1) * PAGE).map((row) => this.line(row, columns, front, failed));
    const heads = [head("trial", "Trial"), ...columns.map((name) => head(name, run.unit(name).label)), h("th", { class: "text", scope: "col" }, "State"), h("th", { class: "text", scope: "col" }, failed ? "Message" : "Choices")];
    this.box.replaceChildren(rows.length ? h("table", {}, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, body)) : h("p", { class: "empty" }, "No trial is among these."));
    this.pages.replaceChildren(...(last ? [button("\u2190", () => this.turn(-1), { "aria-label": "Page before", disabled: !this.page }), h("span", { class: "note" }, `${this.page * PAGE + 1}\u2013${Math.min(rows.length, (this.page + 1) * PAGE)} of ${rows.length.toLocaleString("en")}`), button("\u2192", () => this.turn(1), { "aria-label": "Next page", disabled: this.page >= last })] : []));
    this.mark();
  }

  /** @param {number} row @param {string[]} columns @param {Set<number>} front @param {boolean} failed */
  line(row, columns, front, failed) {
    const { run } = this.view, number = run.number[row], choices = [...run.chosen(row)].slice(0, 40).map(([name, value]) => `${cut(name, 40)}=${cut(optionText(value), 40)}`).join("  ");
    const words = failed ? run.failure[row]?.[1] ?? "" : choices;
    return h("tr", { "data-trial": number, onclick: () => this.view.select(number) },
      h("td", {}, button(String(number), () => this.view.select(number), { class: "link", "aria-label": `Select trial ${number}` })),
      columns.map((name) => h("td", {}, run.value(row, name) === null ? DASH : run.text(name, run.value(row, name)))),
      h("td", { class: "text" }, stateOf(run, row, front)), h("td", { class: "text choices", title: cut(words, 1000) }, cut(words, 90)));
  }

  /** @param {string} name */
  sortBy(name) {
    this.sort = this.sort.name === name ? { name, up: !this.sort.up } : { name, up: name === "trial" || this.view.run.sign(name) > 0 };
    this.fill();
    const heads = [...this.box.querySelectorAll("th button")], at = ["trial", ...this.columns].indexOf(name);
    if (heads[at] instanceof HTMLElement) heads[at].focus();
  }

  /** @param {number} step */
  turn(step) {
    this.page += step;
    this.fill();
  }

  mark() {
    const { selected, compared } = this.view.state;
    for (const line of this.box.querySelectorAll("tr[data-trial]")) {
      const number = Number(line.getAttribute("data-trial"));
      line.classList.toggle("selected", number === selected);
      line.classList.toggle("compared", compared.includes(number));
      if (number === selected) line.setAttribute("aria-current", "true");
      else line.removeAttribute("aria-current");
    }
  }

  save() {
    const { run } = this.view, front = new Set(run.front), choices = [...run.choices.keys()], names = run.names;
    const rows = this.rows.map((row) => {
      const chosen = run.chosen(row), failure = run.failure[row];
      return [run.number[row], run.rung[row], stateOf(run, row, front), failure?.[1] ?? "", run.seconds[row], ...names.map((name) => run.value(row, name)), ...choices.map((name) => (chosen.has(name) ? optionText(chosen.get(name)) : null))];
    });
    download("trials.csv", csv([["trial", "rung", "state", "message", "seconds", ...names, ...choices], ...rows]));
  }
}
