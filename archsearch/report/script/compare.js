// Two or three trials side by side, what differs between them marked.

import { button, byId, cut, h } from "./dom.js";
import { COLOURS, colour } from "./figure.js";
import { DrawingPanel, SHARES } from "./network.js";
import { optionText } from "./run.js";
import { DASH, gap } from "./units.js";

/** @typedef {import("./view.js").View} View */
/** @typedef {import("./network.js").Networks} Networks */
/** @typedef {import("./network.js").Network} Network */

/** @param {View} view @param {Networks} networks */
export function comparison(view, networks) {
  const section = byId("compare"), body = h("div", {});
  section.append(body);
  let turn = 0;
  view.on(["compared", "rows", "colours"], async () => {
    const now = (turn += 1), { compared } = view.state;
    section.hidden = compared.length === 0;
    const found = await Promise.all(compared.map((number) => networks.of(number)));
    if (now === turn) body.replaceChildren(...(compared.length ? content(view, compared, found) : []));
  });
}

/** @param {View} view @param {number[]} numbers @param {Network[]} networks */
function content(view, numbers, networks) {
  const { run } = view, rows = numbers.map((number) => Number(run.rows.get(number)));
  const heads = numbers.map((number, place) => {
    const mark = h("i", { class: "dot" });
    mark.style.background = COLOURS[place + 1];
    return h("th", { scope: "col" }, mark, button(`trial ${number}`, () => view.select(number), { class: "link" }),
      button("\u00d7", () => view.compare(number), { class: "link", "aria-label": `Take trial ${number} out of the comparison` }));
  });
  const note = numbers.length < 2 ? "Choose a second one: select it, then Compare." : "What differs is marked; the best of a row is bold. Up to three at once.";
  const table = h("table", {}, h("thead", {}, h("tr", {}, h("th", { class: "text", scope: "col" }, "Metric or choice"), heads)), h("tbody", {}, metricRows(view, rows), choiceRows(view, rows)));
  return [
    h("div", { class: "buttons" }, button("Clear", () => view.set({ compared: [] }))), h("p", { class: "note" }, note),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Comparison" }, table),
    numbers.length > 1 ? nodeChanges(numbers, networks) : "", drawings(numbers, networks),
  ].filter(Boolean);
}

/** @param {View} view @param {number[]} rows */
function metricRows(view, rows) {
  const { run } = view;
  return run.names.filter((name) => rows.some((row) => run.value(row, name) !== null)).map((name) => {
    const values = rows.map((row) => run.value(row, name)), known = values.filter((value) => value !== null).map(Number);
    const best = known.reduce((least, value) => Math.min(least, run.sign(name) * value), Infinity), first = values[0];
    const cells = values.map((value, place) => {
      if (value === null) return h("td", {}, DASH);
      const isBest = known.length > 1 && Math.min(...known) < Math.max(...known) && run.sign(name) * value === best;
      const apart = place && first !== null && value !== first ? h("small", {}, ` ${gap(run.unit(name), first, value)}`) : "";
      return h("td", { class: value !== first && first !== null ? "differs" : "" }, isBest ? h("b", {}, run.text(name, value)) : run.text(name, value), apart);
    });
    return h("tr", {}, h("th", { scope: "row", class: "text" }, cut(run.unit(name).label, 60)), cells);
  });
}

/** @param {View} view @param {number[]} rows */
function choiceRows(view, rows) {
  const chosen = rows.map((row) => view.run.chosen(row));
  const text = (/** @type {Map<string, unknown>} */ one, /** @type {string} */ name) => (one.has(name) ? cut(optionText(one.get(name)), 60) : DASH);
  const names = [...view.run.choices.keys()].filter((name) => new Set(chosen.map((one) => text(one, name))).size > 1);
  return names.slice(0, 200).map((name) =>
    h("tr", {}, h("th", { scope: "row", class: "text" }, cut(name, 60)), chosen.map((one) => h("td", { class: text(one, name) === text(chosen[0], name) ? "" : "differs" }, text(one, name)))));
}

/** Nodes by name: what each is, and what it reads. @param {string | undefined} genotype @returns {Map<string, string> | null} */
function nodesOf(genotype) {
  if (!genotype) return null;
  const { nodes } = JSON.parse(genotype);
  return new Map((nodes ?? []).map((/** @type {Record<string, unknown>} */ { name, ...rest }) => [String(name), JSON.stringify(rest)]));
}

/** Names of nodes of the second network that the first has not, or has otherwise. @param {Network} one @param {Network} other */
function changed(one, other) {
  const [before, after] = [nodesOf(one.genotype), nodesOf(other.genotype)];
  if (!before || !after) return null;
  return {
    added: [...after.keys()].filter((name) => !before.has(name)), removed: [...before.keys()].filter((name) => !after.has(name)),
    other: [...after].filter(([name, told]) => before.has(name) && before.get(name) !== told).map(([name]) => name),
  };
}

/** @param {number[]} numbers @param {Network[]} networks */
function nodeChanges(numbers, networks) {
  return h("ul", { class: "changes" }, networks.slice(1).map((network, place) => {
    const found = changed(networks[0], network), title = `trial ${numbers[place + 1]} against trial ${numbers[0]}: `;
    if (!found) return h("li", {}, title, "the page lacks one of the networks");
    const parts = /** @type {[string, string[]][]} */ ([["changed", found.other], ["added", found.added], ["removed", found.removed]]);
    const told = parts.filter(([, names]) => names.length).map(([what, names]) => h("details", {}, h("summary", {}, `${names.length} node${names.length > 1 ? "s" : ""} ${what}`), h("p", {}, cut(names.join(", "), 4000))));
    return h("li", {}, title, told.length ? told : "the same nodes");
  }));
}

/** @param {number[]} numbers @param {Network[]} networks */
function drawings(numbers, networks) {
  return h("div", { class: "side-by-side" }, networks.map((network, place) => {
    const { drawing } = network;
    if (!drawing) return h("p", { class: "empty" }, network.undrawn ?? "");
    const marks = new Map(), found = place ? changed(networks[0], network) : null;
    for (const name of found ? [...found.added, ...found.other] : []) {
      const parts = name.split("/");
      for (let depth = 1; depth <= parts.length; depth += 1) marks.set(parts.slice(0, depth).join("/"), colour("warn"));
    }
    const head = h("h3", {}, `Trial ${numbers[place]}`, marks.size ? h("small", {}, " framed: differs") : "");
    return h("div", {}, head, new DrawingPanel(`trial ${numbers[place]}, compared`, drawing, { marks, cost: SHARES[0][0] }).element);
  }));
}
