// Where everything stands, worked out as in place.py from the plans that the page brings; the two change together.

/** @typedef {[values: number[], straight: number | null]} Ends */
/** @typedef {[text: string, x: number, y: number, size: number, bold: boolean, quiet: boolean, anchor: string]} Line */
/** @typedef {{width: number, height: number, lines: Line[]}} Label */
/** @typedef {Label & {kind: string, name: string, count: number, level: number, head?: Label, [more: string]: any}} Box */
/** @typedef {{boxes: number[], cells: [role: string, number: number][], layers: number[][], links: [upper: number, lower: number, value: number][][],
 *   line: number[], outward: [line: number, side: number][], tops: Ends[], bottoms: Ends[]}} Plan */
/** @typedef {Record<string, number>} Places */
/** @typedef {{left: number, right: number, height: number, tops: Places, bottoms: Places, inner: Sheet | null}} Size */
/** @typedef {{key: number, x: number, y: number, width: number, height: number, inner: Sheet | null}} Spot */
/** @typedef {{value: number, x: number, y: number, bend: number, flat: number, toX: number, toY: number, tip: boolean}} Piece */
/** @typedef {{value: number | string, points: [number, number][]}} Turn */
/** @typedef {{width: number, height: number, middle: number, tops: Places, bottoms: Places, spots: Spot[], pieces: Piece[], turns: Turn[]}} Sheet */
/** @typedef {{boxes: Record<string, Box>, widths: Record<string, number>, look: Record<string, any>}} Drawn */
/** @typedef {[left: number, right: number, x: number, to: number, upper: number, lower: number, value: number]} Span */

class Skyline {
  edges = [-Infinity];
  levels = [0];

  /** @param {number} left @param {number} right */
  span(left, right) {
    let first = this.edges.length - 1, last = this.edges.length;
    while (this.edges[first] > left) first -= 1;
    while (last > first + 1 && this.edges[last - 1] >= right) last -= 1;
    return [first, last];
  }

  /** @param {number} left @param {number} right */
  lowest(left, right) { return Math.max(...this.levels.slice(...this.span(left, right))); }

  /** @param {number} left @param {number} right @param {number} level */
  lower(left, right, level) {
    let first = 0, last = 0;
    while (first < this.edges.length && this.edges[first] < left) first += 1;
    while (last < this.edges.length && this.edges[last] <= right) last += 1;
    const after = this.levels[last - 1];
    this.edges.splice(first, last - first, left, right);
    this.levels.splice(first, last - first, level, after);
  }
}

export class Sheets {
  /** @param {Drawn} drawn @param {Set<number>} opened @param {Record<string, Plan[]>} columns */
  constructor(drawn, opened, columns) {
    this.boxes = drawn.boxes;
    this.widths = drawn.widths;
    this.is = drawn.look;
    this.opened = opened;
    this.columns = columns;
  }

  /** @param {number} key */
  isOpen(key) { return this.opened.has(key) && key in this.columns; }

  /** @param {number} key @returns {Sheet} */
  sheetOf(key) {
    const parts = this.columns[key].map((plan, number) => this.column(plan, key && !number ? this.boxes[key].head : null, key ? this.is.margin : 0));
    return parts.length === 1 ? parts[0] : this.sideBySide(parts);
  }

  /** @param {number} key @param {Ends} top @param {Ends} bottom @returns {Size} */
  sizeOf(key, top, bottom) {
    if (this.isOpen(key)) {
      const inner = this.sheetOf(key);
      return { left: inner.middle, right: inner.width - inner.middle, height: inner.height, tops: inner.tops, bottoms: inner.bottoms, inner };
    }
    const half = this.boxes[key].width / 2;
    return { left: half, right: half, height: this.boxes[key].height, tops: this.attached(top, half), bottoms: this.attached(bottom, half), inner: null };
  }

  /** @param {Ends} ends @param {number} half @returns {Places} */
  attached([values, straight], half) {
    const middle = straight === null ? (values.length - 1) / 2 : straight;
    const step = Math.min(this.is.port, (half - 10) / Math.max(middle, values.length - 1 - middle, 1));
    return Object.fromEntries(values.map((value, number) => [value, (number - middle) * step]));
  }

  /** @param {Plan} plan @param {[number, number][]} reach */
  across(plan, reach) {
    /** @type {Record<number, number>} */
    const x = { 0: 0 };
    /** @type {Record<number, [number, number | undefined][]>} */
    const cells = {};
    const sides = Object.fromEntries(plan.outward);
    for (const layer of plan.layers) layer.forEach((cell, number) => {
      (cells[plan.line[cell]] ??= []).push([cell, layer[number - (sides[plan.line[cell]] ?? 0)]]);
    });
    for (const [line, side] of plan.outward) {
      const bounds = [0];
      for (const [cell, inner] of cells[line]) {
        if (inner === undefined) continue;
        const apart = plan.cells[cell][0] === "box" && plan.cells[inner][0] === "box" ? this.is.apart : this.is.aside;
        const [before, after] = side > 0 ? [inner, cell] : [cell, inner];
        bounds.push(side * x[plan.line[inner]] + reach[before][1] + apart + reach[after][0]);
      }
      x[line] = side * Math.max(...bounds);
    }
    return plan.line.map((line) => x[line]);
  }

  /** @param {Plan} plan @param {number[]} xs @param {[number, number][]} reach @param {Size[]} sizes */
  straightenPorts(plan, xs, reach, sizes) {
    for (const down of [false, true]) {
      const layer = plan.layers[down ? plan.layers.length - 1 : 0], links = plan.links[down ? plan.links.length - 1 : 0] ?? [];
      if (layer.some((cell) => plan.cells[cell][0] !== (down ? "out" : "in"))) continue;
      /** @type {Record<number, number[]>} */
      const wanted = {};
      for (const [upper, lower, value] of links) {
        const [port, other] = down ? [lower, upper] : [upper, lower], [role, number] = plan.cells[other];
        (wanted[port] ??= []).push(xs[other] + (role === "box" ? (down ? sizes[number].bottoms : sizes[number].tops)[value] : 0));
      }
      const near = (/** @type {number} */ cell) => (wanted[cell] ?? [xs[cell]]).reduce((best, x) => (Math.abs(x - xs[cell]) < Math.abs(best - xs[cell]) ? x : best));
      const places = layer.map(near);
      if (layer.slice(1).every((cell, number) => places[number] + reach[layer[number]][1] + 2 <= places[number + 1] - reach[cell][0]))
        layer.forEach((cell, number) => { xs[cell] = places[number]; });
    }
  }

  /** @param {Plan} plan @param {Label | null | undefined} head @param {number} margin @returns {Sheet} */
  column(plan, head, margin) {
    const sizes = plan.boxes.map((key, number) => this.sizeOf(key, plan.tops[number], plan.bottoms[number]));
    /** @type {[number, number][]} */
    const reach = plan.cells.map(([role, number]) => role === "box" ? [sizes[number].left, sizes[number].right] : [this.widths[number] / 2 + 1, this.widths[number] / 2 + 1]);
    const xs = this.across(plan, reach);
    this.straightenPorts(plan, xs, reach, sizes);
    let left = Math.min(...xs.map((x, cell) => x - reach[cell][0])), right = Math.max(...xs.map((x, cell) => x + reach[cell][1]));
    const ports = xs.filter((_, cell) => plan.cells[cell][0] === "in");
    if (head) left = Math.min(left, (ports.length ? Math.min(...ports) : 0) - this.is.aside - head.width);
    return this.down(plan, sizes, xs, reach, left - margin, right + margin, head, margin);
  }

  /** @param {Plan} plan @param {Size[]} sizes @param {number[]} xs @param {[number, number][]} reach @param {number} left @param {number} right
   * @param {Label | null | undefined} head @param {number} margin @returns {Sheet} */
  down(plan, sizes, xs, reach, left, right, head, margin) {
    /** @type {{x: number, to: number, upper: number, lower: number, value: number, bend: number, flat: number}[]} */
    const bends = [];
    const sky = new Skyline(), ys = xs.map(() => 0);
    const half = (/** @type {number} */ value) => this.widths[value] / 2 + 3;
    const end = (/** @type {number} */ cell, /** @type {number} */ value, /** @type {"tops" | "bottoms"} */ side) => xs[cell] + (plan.cells[cell][0] === "box" ? sizes[plan.cells[cell][1]][side][value] : 0);
    let lowest = 0;
    if (head) sky.lower(left, left + this.is.margin + head.width + 4, this.is.top + head.height);
    plan.layers.forEach((layer, number) => {
      for (const cell of layer) {
        if (plan.cells[cell][0] !== "box") continue;
        const [before, after] = reach[cell];
        ys[cell] = sky.lowest(xs[cell] - before, xs[cell] + after);
        const foot = ys[cell] + sizes[plan.cells[cell][1]].height;
        sky.lower(xs[cell] - before - 3, xs[cell] + after + 3, foot + this.is.clear);
        lowest = Math.max(lowest, foot);
      }
      const spans = (plan.links[number] ?? []).map((link) => {
        const x = end(link[0], link[2], "bottoms"), to = end(link[1], link[2], "tops");
        return /** @type {Span} */ ([Math.min(x, to) - half(link[2]), Math.max(x, to) + half(link[2]), x, to, ...link]);
      }).sort((one, other) => one.map((value, place) => value - other[place]).find((difference) => difference) ?? 0);
      for (const group of this.overlapping(spans)) {
        const start = group[0][0], stop = Math.max(...group.map((span) => span[1])), bend = sky.lowest(start, stop);
        const flat = bend + Math.min(this.is.straight + this.is.bend * Math.max(...group.map(([, , x, to]) => Math.abs(x - to))), this.is.steepest);
        sky.lower(start, stop, flat);
        lowest = Math.max(lowest, flat);
        for (const [, , x, to, upper, lower, value] of group) {
          bends.push({ x, to, upper, lower, value, bend, flat });
          if (plan.cells[lower][0] === "trunk") ys[lower] = flat;
        }
      }
    });
    const at = (/** @type {string} */ role) => Object.fromEntries(plan.cells.flatMap(([own, number], cell) => (own === role ? [[number, xs[cell]]] : [])));
    const tops = at("in"), bottoms = at("out");
    const height = lowest + (Object.keys(bottoms).length ? Math.min(margin, 2) : margin);
    const pieces = bends.map(({ x, to, upper, lower, value, bend, flat }) => {
      const [role, number] = plan.cells[upper], [ending, target] = plan.cells[lower];
      return {
        value, x: x - left, y: ys[upper] + (role === "box" ? sizes[number].height : 0), bend, flat, toX: to - left,
        toY: ending === "out" ? height : ys[lower], tip: ending === "box" && !sizes[target].inner,
      };
    });
    const spots = plan.cells.flatMap(([role, number], cell) => role !== "box" ? [] : [{
      key: plan.boxes[number], x: xs[cell] - reach[cell][0] - left, y: ys[cell], width: reach[cell][0] + reach[cell][1], height: sizes[number].height, inner: sizes[number].inner,
    }]);
    return { width: right - left, height, middle: -left, tops, bottoms, spots, pieces, turns: [] };
  }

  /** @param {Span[]} spans */
  overlapping(spans) {
    /** @type {Span[][]} */
    const groups = [];
    let reached = -Infinity;
    for (const span of spans) {
      if (span[0] > reached) groups.push([]);
      groups[groups.length - 1].push(span);
      reached = Math.max(reached, span[1]);
    }
    return groups;
  }

  /** @param {Sheet[]} parts @returns {Sheet} */
  sideBySide(parts) {
    const turn = this.is.turn + this.is.lane * Math.max(...parts.slice(0, -1).map((part) => Object.keys(part.bottoms).length));
    const height = Math.max(...parts.map((part) => part.height)) + 2 * turn;
    /** @type {Sheet} */
    const whole = { width: 0, height, middle: parts[0].middle, tops: parts[0].tops, bottoms: {}, spots: [], pieces: [], turns: [] };
    /** @type {{value: string, x: number, y: number}[]} */
    let feet = [];
    parts.forEach((part, number) => {
      const gutter = whole.width, at = gutter + (number ? this.is.gutter + this.is.lane * feet.length : 0);
      whole.width = at + part.width;
      whole.spots.push(...part.spots.map((spot) => ({ ...spot, x: spot.x + at, y: spot.y + turn })));
      whole.pieces.push(...part.pieces.map((piece) => ({
        ...piece, x: piece.x + at, toX: piece.toX + at, y: piece.y + turn, toY: piece.toY + turn, bend: piece.bend + turn, flat: piece.flat + turn,
      })));
      for (const [value, x] of number ? [] : Object.entries(part.tops))
        whole.turns.push({ value, points: [[at + part.middle + x, 0], [at + part.middle + x, turn]] });
      feet.forEach(({ value, x, y }, lane) => {
        const low = y + this.is.turn / 2 + this.is.lane * lane, aside = gutter + this.is.gutter / 2 + this.is.lane * lane, high = this.is.turn / 2 + this.is.lane * lane;
        const to = at + part.middle + part.tops[value];
        whole.turns.push({ value, points: [[x, y], [x, low], [aside, low], [aside, high], [to, high], [to, turn]] });
      });
      feet = Object.entries(part.bottoms).sort((one, other) => other[1] - one[1]).map(([value, x]) => ({ value, x: at + part.middle + x, y: turn + part.height }));
    });
    for (const { value, x, y } of feet) {
      whole.turns.push({ value, points: [[x, y], [x, height]] });
      whole.bottoms[value] = x - whole.middle;
    }
    return whole;
  }
}
