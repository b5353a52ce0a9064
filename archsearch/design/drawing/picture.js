import { Sheets } from "./sheet.js";

/** @typedef {import("./sheet.js").Sheet} Sheet */
/** @typedef {import("./sheet.js").Spot} Spot */
/** @typedef {import("./sheet.js").Piece} Piece */
/** @typedef {import("./sheet.js").Box} Box */
/** @typedef {import("./sheet.js").Plan} Plan */
/** @typedef {import("./sheet.js").Drawn} Drawn */
/** @typedef {["M" | "L" | "C", ...number[]]} Move */

const SVG = "http://www.w3.org/2000/svg";
const short = (/** @type {number} */ value) => String(Number(value.toFixed(2)));

/** @param {string} name @param {Record<string, string | number>} attributes @param {string} [text] */
export function shape(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, typeof value === "number" ? short(value) : value);
  if (text) element.textContent = text;
  return element;
}

/** A drawing in an SVG element, whose scopes fold and unfold: by a click, or by Enter and the space bar. */
export class Picture {
  /**
   * @param {SVGSVGElement} svg an element with a rectangle for the ground and a group `network`
   * @param {Drawn} drawn boxes, widths of values, and the look
   * @param {Record<string, Plan[]>} plans of every scope that can be opened
   * @param {Iterable<number>} opened scopes that are open, 0 among them
   * @param {{fill: (box: Box) => string, tip: (box: Box) => string, mark?: (box: Box) => string}} says the colour of a box, what is said of it,
   *   and the colour of its frame where it is to stand out
   */
  constructor(svg, drawn, plans, opened, says) {
    const network = svg.querySelector("g#network, g.network");
    if (!(network instanceof SVGGElement)) throw new Error("the picture has no place for the network");
    this.svg = svg;
    this.network = network;
    this.boxes = drawn.boxes;
    this.widths = drawn.widths;
    this.is = drawn.look;
    this.says = says;
    this.opened = new Set(opened);
    this.sheets = new Sheets(drawn, this.opened, plans);
    network.addEventListener("click", (event) => this.hear(event));
    network.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") this.hear(event);
    });
  }

  /** @param {Event} event */
  hear(event) {
    const handle = event.target instanceof Element ? event.target.closest("[data-handle]") : null;
    if (!handle) return;
    event.preventDefault();
    this.toggle(Number(handle.getAttribute("data-handle")));
  }

  /** Open the scopes down to a depth; `plans` say how, where some are in columns. @param {number} depth @param {Record<string, Plan[]>} plans */
  openTo(depth, plans) {
    this.opened.clear();
    this.opened.add(0);
    for (const [key, box] of Object.entries(this.boxes)) if (box.kind === "scope" && box.level <= depth) this.opened.add(Number(key));
    this.sheets.columns = plans;
    this.show();
  }

  show() {
    const { is, network, svg } = this;
    const sheet = this.sheets.sheetOf(0), width = Math.max(sheet.width, is.wide) + 2 * is.around, height = is.above + sheet.height + is.around;
    network.replaceChildren();
    network.setAttribute("transform", `translate(${short((width - sheet.width) / 2)} ${short(is.above)})`);
    svg.setAttribute("viewBox", `0 0 ${short(width)} ${short(height)}`);
    for (const element of [svg, svg.querySelector("rect")]) {
      element?.setAttribute("width", short(width));
      element?.setAttribute("height", short(height));
    }
    this.paint(sheet, 0, 0, 0);
  }

  /** Fold or unfold a scope; what was clicked stays where it is on the screen. @param {number} key */
  toggle(key) {
    const place = () => this.network.querySelector(`[data-handle="${key}"]`)?.getBoundingClientRect();
    const before = place();
    if (!this.opened.delete(key)) this.opened.add(key);
    this.show();
    const after = place();
    if (before && after) this.scroller().scrollBy(after.left - before.left, after.top - before.top);
    const handle = this.network.querySelector(`[data-handle="${key}"]`);
    if (handle instanceof SVGElement) handle.focus({ preventScroll: true });
  }

  /** What scrolls the picture. @returns {Element | Window} */
  scroller() {
    return this.svg.closest(".paper") ?? window;
  }

  /** @param {Piece} piece @param {number} x @param {number} y @returns {Move[]} */
  pieceMoves(piece, x, y) {
    const end = y + piece.toY - (piece.tip ? this.is.head - 1 : 0), flat = piece.x === piece.toX ? end : Math.min(y + piece.flat, end);
    const from = x + piece.x, to = x + piece.toX, bend = y + piece.bend, middle = (bend + flat) / 2;
    /** @type {Move[]} */
    const moves = [["M", from, y + piece.y]];
    if (piece.x === piece.toX) return [...moves, ["L", to, end]];
    if (piece.bend > piece.y) moves.push(["L", from, bend]);
    moves.push(["C", from, middle, to, middle, to, flat]);
    if (end > flat) moves.push(["L", to, end]);
    return moves;
  }

  /** @param {[number, number][]} points @returns {Move[]} */
  rounded(points) {
    /** @type {Move[]} */
    const moves = [["M", ...points[0]]];
    points.slice(1, -1).forEach(([x, y], number) => {
      const [fromX, fromY] = points[number], [toX, toY] = points[number + 2];
      const before = Math.min(this.is.round / Math.max(Math.abs(x - fromX) + Math.abs(y - fromY), 1), 0.5);
      const after = Math.min(this.is.round / Math.max(Math.abs(x - toX) + Math.abs(y - toY), 1), 0.5);
      moves.push(["L", x + (fromX - x) * before, y + (fromY - y) * before], ["C", x, y, x, y, x + (toX - x) * after, y + (toY - y) * after]);
    });
    return [...moves, ["L", ...points[points.length - 1]]];
  }

  /** @param {Sheet} sheet @param {number} x @param {number} y @param {number} depth */
  paint(sheet, x, y, depth) {
    /** @type {Map<number, Move[]>} */
    const paths = new Map();
    const arrows = [];
    const add = (/** @type {number | string} */ value, /** @type {Move[]} */ moves) => {
      const known = paths.get(Number(value));
      if (known) known.push(...moves);
      else paths.set(Number(value), moves);
    };
    for (const piece of sheet.pieces) {
      add(piece.value, this.pieceMoves(piece, x, y));
      if (piece.tip) arrows.push([x + piece.toX, y + piece.toY, this.is.head + this.widths[piece.value] / 2]);
    }
    for (const { value, points } of sheet.turns) add(value, this.rounded(points.map(([toX, toY]) => [x + toX, y + toY])));
    for (const [value, moves] of [...paths].sort(([one], [other]) => one - other)) {
      const d = moves.map(([kind, ...at]) => kind + at.map(short).join(" ")).join("");
      this.network.append(shape("path", { d, fill: "none", stroke: this.is.wire, "stroke-width": this.widths[value], "stroke-linejoin": "round" }));
    }
    for (const [tipX, tipY, size] of arrows) {
      const points = [[tipX, tipY], [tipX - size / 2, tipY - size], [tipX + size / 2, tipY - size]];
      this.network.append(shape("path", { d: `M${points.map((point) => point.map(short).join(" ")).join("L")}Z`, fill: this.is.wire }));
    }
    for (const spot of sheet.spots) this.paintBox(spot, x + spot.x, y + spot.y, depth);
  }

  /** @param {Spot} spot @param {number} x @param {number} y @param {number} depth */
  paintBox({ key, width, height, inner }, x, y, depth) {
    const { is, network } = this, box = this.boxes[key], ground = inner ? is.grounds[depth % 2] : this.says.fill(box), thick = box.kind !== "op";
    const end = box.kind === "input" || box.kind === "output", radius = inner ? 10 : end ? height / 2 : box.kind === "scope" ? 8 : 4;
    const mark = this.says.mark?.(box) ?? "", stroke = mark || (inner ? is.frame : thick ? is.ink : is.quiet), line = mark ? 3 : inner ? 1 : thick ? 1.4 : 0.9;
    if (box.count > 1) network.append(shape("rect", { x: x + is.sheets, y: y + is.sheets, width, height, rx: 9, fill: ground, stroke: inner ? is.frame : is.ink, "stroke-width": 1 }));
    const rect = shape("rect", { x, y, width, height, rx: radius, fill: ground, stroke, "stroke-width": line, "data-box": String(key) });
    rect.append(shape("title", {}, this.says.tip(box)));
    network.append(rect);
    if (inner) this.paint(inner, x, y, depth + 1);
    const head = box.head;
    if (key in this.sheets.columns && head)
      network.append(this.handle(key, inner ? shape("rect", { x, y, width: head.width + 2 * is.margin, height: head.height + is.top, rx: 10, fill: "transparent" }) : rect));
    const [left, above] = inner ? [x + is.margin, y + is.top] : [x, y];
    for (const [text, toX, toY, size, bold, quiet, anchor] of inner && head ? head.lines : box.lines) {
      const look = { x: left + toX, y: above + toY, "font-size": size, ...(bold && { "font-weight": "600" }), ...(anchor === "end" && { "text-anchor": "end" }) };
      network.append(shape("text", { ...look, fill: inner && quiet ? is.quiet : is.ink, "pointer-events": "none" }, text));
    }
  }

  /** @param {number} key @param {SVGElement} element */
  handle(key, element) {
    const attributes = { class: "handle", role: "button", tabindex: "0", "aria-expanded": String(this.sheets.isOpen(key)), "aria-label": this.boxes[key].name, "data-handle": String(key) };
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  }
}
