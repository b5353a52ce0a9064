// Networks of trials: unpacked from the page, or asked of the server that gave it; and their drawings.

import { Picture, shape } from "../../design/drawing/picture.js";
import { button, choice, cut, dataText, h, unpack } from "./dom.js";
import { colour } from "./figure.js";
import { saveSvg } from "./save.js";
import { prefixed } from "./units.js";

/** @typedef {import("../../design/drawing/sheet.js").Box} Box */
/** @typedef {import("../../design/drawing/sheet.js").Drawn} Drawn */
/** @typedef {Drawn & {plans: Record<string, any>, inside: Record<string, number[]>, steps: number[], fills: string[], totals: number[]}} Drawing */
/** @typedef {{genotype?: string, drawing?: Drawing, memory?: {names: string[], live: number[], state: number, peak: number}, undrawn?: string}} Network */
/** @typedef {{details: [id: string, ...numbers: number[]][], texts: [id: string, ...numbers: number[]][], left: string}} Packs */

export const SHARES = /** @type {[string, string][]} */ ([["macs", "MACs"], ["params", "params"], ["memory", "memory"]]);
const PLACE = { params: 1, macs: 2, memory: 3 };
const AT_ONCE = 48;
const DARK = { ink: "#eef2f6", quiet: "#b6c0cb", wire: "#7d8b9a", frame: "#46525e", grounds: ["#1b2128", "#15191e"] };
const DARK_FILLS = ["#262d35", "#213243", "#1f3b55", "#1f4569", "#1f507d", "#225b91", "#2a68a5", "#3475b8"];

export class Networks {
  /** @param {Packs} packs which trials each pack of the page holds @param {boolean} live whether a server answers */
  constructor(packs, live) {
    this.packs = packs;
    this.live = live;
    /** @type {Map<string, Promise<any>>} */
    this.opened = new Map();
    /** @type {Map<number, Promise<Network>>} */
    this.known = new Map();
  }

  /** @param {string} id */
  open(id) {
    const known = this.opened.get(id);
    if (known) return known;
    const text = dataText(id), opening = text === null ? Promise.resolve(null) : unpack(text).then((json) => JSON.parse(json));
    this.opened.set(id, opening);
    return opening;
  }

  /** What is known of the network of a trial. @param {number} number @returns {Promise<Network>} */
  of(number) {
    const known = this.known.get(number);
    if (known) return known;
    const found = this.find(number).catch((error) => ({ undrawn: `It could not be read: ${error instanceof Error ? error.message : error}` }));
    this.known.set(number, found);
    return found;
  }

  /** @param {number} number @returns {Promise<Network>} */
  async find(number) {
    const packOf = (/** @type {Packs["details"]} */ packs) => packs.find((pack) => pack.lastIndexOf(number) > 0);
    const detailed = packOf(this.packs.details), texted = packOf(this.packs.texts);
    if (this.live && !detailed) {
      const answer = await fetch(`trials/${number}.json`);
      return answer.ok ? answer.json() : { undrawn: `The server said ${answer.status}.` };
    }
    const [details, texts] = await Promise.all([detailed && this.open(detailed[0]), texted && this.open(texted[0])]);
    /** @type {Network} */
    const found = detailed && details ? details[detailed.indexOf(number) - 1] : { undrawn: this.packs.left.replace("TRIAL", String(number)) };
    if (!texted || !texts) return found;
    const pieces = texts.networks[texted.indexOf(number) - 1].map((/** @type {number} */ piece) => texts.pieces[piece]);
    return { ...found, genotype: pieces.join(texts.between) };
  }
}

/** Whether the page is dark now. */
export function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

/** The colour of a share of the whole. @param {Drawing} drawing @param {string[]} fills @param {number} share */
function fillOf(drawing, fills, share) {
  if (share <= 0) return fills[0];
  const step = drawing.steps.slice(1).findIndex((bound) => share <= bound);
  return fills[(step < 0 ? drawing.steps.length - 1 : step) + 1];
}

/** A drawing with its controls. `marks`: colours of boxes to stand out, by name. */
export class DrawingPanel {
  /** @param {string} title @param {Drawing} drawing @param {{cost?: string, marks?: Map<string, string>}} [look] */
  constructor(title, drawing, look = {}) {
    this.drawing = drawing;
    this.title = title;
    this.cost = look.cost ?? "macs";
    this.marks = look.marks ?? new Map();
    this.said = h("p", { class: "said", "aria-live": "polite" });
    this.paper = h("div", { class: "paper scroll", tabindex: "0", role: "region", "aria-label": `Drawing of ${title}` });
    this.scale = h("p", { class: "scale" });
    const depths = h("div", { class: "buttons", role: "group", "aria-label": "Scopes open down to a depth" });
    for (let depth = 0; depth <= this.deepest(); depth += 1)
      depths.append(button(String(depth), () => this.openTo(depth), { "aria-label": `Open scopes down to depth ${depth}` }));
    const costs = choice("Colour", SHARES, this.cost, (cost) => { this.cost = cost; this.draw(); });
    const save = button("SVG", () => this.save("svg"), { "aria-label": `Drawing of ${title} as SVG` });
    const png = button("PNG", () => this.save("png"), { "aria-label": `Drawing of ${title} as PNG` });
    this.element = h("div", { class: "drawing" }, h("div", { class: "tools" }, costs, h("span", { class: "label" }, "Depth"), depths, png, save), this.scale, this.paper, this.said);
    this.opened = this.start();
    this.draw();
  }

  deepest() {
    return Object.values(this.drawing.boxes).reduce((most, box) => (box.head ? Math.max(most, box.level) : most), 0);
  }

  /** The scopes open at first: as deep as not too many boxes come of it. */
  start() {
    const { boxes, inside } = this.drawing;
    let opened = new Set([0]);
    for (let depth = 1; depth <= this.deepest(); depth += 1) {
      const deeper = new Set([0, ...Object.keys(boxes).map(Number).filter((key) => boxes[key].head && boxes[key].level <= depth)]);
      const shown = [...deeper].reduce((count, key) => count + (inside[key]?.length ?? 0), 0);
      if (shown > AT_ONCE) break;
      opened = deeper;
    }
    return opened;
  }

  /** @param {number} depth */
  openTo(depth) {
    this.picture?.openTo(depth, this.drawing.plans);
    if (this.picture) this.opened = this.picture.opened;
  }

  /** @param {Box} box */
  share(box) {
    const place = PLACE[/** @type {keyof typeof PLACE} */ (this.cost)];
    return box.totals[place] / Math.max(this.drawing.totals[place], 1);
  }

  draw() {
    const dark = isDark(), fills = dark ? DARK_FILLS : this.drawing.fills;
    /** @type {Record<string, any>} */
    const look = { ...this.drawing.look, ...(dark && DARK) };
    const svg = /** @type {SVGSVGElement} */ (shape("svg", { role: "group", "aria-label": `Drawing of ${this.title}`, "font-family": "system-ui, sans-serif" }));
    svg.append(shape("rect", { fill: look.grounds[1] }), shape("g", { class: "network" }));
    const ends = (/** @type {Box} */ box) => box.kind === "input" || box.kind === "output";
    this.picture = new Picture(svg, { ...this.drawing, look }, this.drawing.plans, this.opened, {
      fill: (box) => (ends(box) ? look.grounds[1] : fillOf(this.drawing, fills, this.share(box))),
      tip: (box) => this.tip(box).join("\n"),
      mark: (box) => this.marks.get(box.name) ?? "",
    });
    this.opened = this.picture.opened;
    this.picture.show();
    svg.addEventListener("mouseover", (event) => this.tell(event));
    svg.addEventListener("focusin", (event) => this.tell(event));
    this.paper.style.background = look.grounds[1];
    this.paper.replaceChildren(svg);
    requestAnimationFrame(() => { this.paper.scrollLeft = (this.paper.scrollWidth - this.paper.clientWidth) / 2; }); // once it is in the page
    this.legend(fills);
  }

  /** @param {string[]} fills */
  legend(fills) {
    const total = this.drawing.totals[PLACE[/** @type {keyof typeof PLACE} */ (this.cost)]];
    const unit = this.cost === "memory" ? `${prefixed(total, "B")} of values` : `${prefixed(total)} ${this.cost === "macs" ? "MACs" : "params"}`;
    const swatch = (/** @type {string} */ fill, /** @type {number} */ place) => {
      const one = h("i", { title: place ? `up to ${place < this.drawing.steps.length ? this.drawing.steps[place] * 100 : 100}%` : "none" });
      one.style.background = fill;
      return one;
    };
    this.scale.replaceChildren(`Share of ${unit}: 0 `, h("span", { class: "swatches" }, fills.map(swatch)), " 100%");
  }

  /** @param {Box} box */
  tip(box) {
    const [nodes, params, macs, memory] = box.totals, told = [box.name, box.op ?? (box.kind === "scope" ? `${nodes} ops` : box.kind)];
    told.push(`output ${box.shape.join("\u00d7")}`);
    if (nodes) told.push(`${prefixed(params)} params \u00b7 ${prefixed(macs)} MACs \u00b7 ${prefixed(memory, "B")}`);
    if (this.share(box) > 0) told.push(`${(this.share(box) * 100).toPrecision(3)}% of all ${this.cost === "macs" ? "MACs" : this.cost}`);
    if (box.count > 1) told.push(`${box.count} equal ones in a row, drawn once; numbers are of all`);
    return told.map((line) => cut(line, 400));
  }

  /** @param {Event} event */
  tell(event) {
    const key = event.target instanceof Element ? event.target.getAttribute("data-box") ?? event.target.getAttribute("data-handle") : null;
    if (key !== null && this.drawing.boxes[key]) this.said.textContent = this.tip(this.drawing.boxes[key]).join(" \u00b7 ");
  }

  /** @param {string} kind */
  save(kind) {
    if (this.picture) void saveSvg(this.picture.svg, fileName(this.title), kind, colour("panel"));
  }
}

/** @param {string} title */
export function fileName(title) {
  return title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "") || "network";
}
