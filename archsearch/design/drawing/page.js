"use strict";
// Scopes fold and unfold here. What stands where is worked out as in place.py, from the plans that the page brings; the two change together.
(() => {
  const data = JSON.parse(document.getElementById("drawing").textContent);
  const { boxes, widths, look: is } = data;
  const svg = document.querySelector("svg"), network = document.getElementById("network");
  const opened = new Set(data.opened);
  let columns = { ...data.plans, ...data.columns[data.depth] };

  class Skyline {
    edges = [-Infinity];
    levels = [0];
    span(left, right) {
      let first = this.edges.length - 1, last = this.edges.length;
      while (this.edges[first] > left) first -= 1;
      while (last > first + 1 && this.edges[last - 1] >= right) last -= 1;
      return [first, last];
    }
    lowest(left, right) { return Math.max(...this.levels.slice(...this.span(left, right))); }
    lower(left, right, level) {
      let first = 0, last = 0;
      while (first < this.edges.length && this.edges[first] < left) first += 1;
      while (last < this.edges.length && this.edges[last] <= right) last += 1;
      const after = this.levels[last - 1];
      this.edges.splice(first, last - first, left, right);
      this.levels.splice(first, last - first, level, after);
    }
  }

  const isOpen = (key) => opened.has(key) && key in columns;

  function sheetOf(key) {
    const parts = columns[key].map((plan, number) => column(plan, key && !number ? boxes[key].head : null, key ? is.margin : 0));
    return parts.length === 1 ? parts[0] : sideBySide(parts);
  }

  function sizeOf(key, top, bottom) {
    if (isOpen(key)) {
      const inner = sheetOf(key);
      return { left: inner.middle, right: inner.width - inner.middle, height: inner.height, tops: inner.tops, bottoms: inner.bottoms, inner };
    }
    const half = boxes[key].width / 2;
    return { left: half, right: half, height: boxes[key].height, tops: attached(top, half), bottoms: attached(bottom, half), inner: null };
  }

  function attached([values, straight], half) {
    const middle = straight === null ? (values.length - 1) / 2 : straight;
    const step = Math.min(is.port, (half - 10) / Math.max(middle, values.length - 1 - middle, 1));
    return Object.fromEntries(values.map((value, number) => [value, (number - middle) * step]));
  }

  function across(plan, reach) {
    const x = { 0: 0 }, sides = Object.fromEntries(plan.outward), cells = {};
    for (const layer of plan.layers) layer.forEach((cell, number) => {
      (cells[plan.line[cell]] ??= []).push([cell, layer[number - (sides[plan.line[cell]] ?? 0)]]);
    });
    for (const [line, side] of plan.outward) {
      const bounds = [0];
      for (const [cell, inner] of cells[line]) {
        if (inner === undefined) continue;
        const apart = plan.cells[cell][0] === "box" && plan.cells[inner][0] === "box" ? is.apart : is.aside;
        const [before, after] = side > 0 ? [inner, cell] : [cell, inner];
        bounds.push(side * x[plan.line[inner]] + reach[before][1] + apart + reach[after][0]);
      }
      x[line] = side * Math.max(...bounds);
    }
    return plan.line.map((line) => x[line]);
  }

  function straightenPorts(plan, xs, reach, sizes) {
    for (const down of [false, true]) {
      const layer = down ? plan.layers.at(-1) : plan.layers[0], links = (down ? plan.links.at(-1) : plan.links[0]) ?? [];
      if (layer.some((cell) => plan.cells[cell][0] !== (down ? "out" : "in"))) continue;
      const wanted = {};
      for (const [upper, lower, value] of links) {
        const [port, other] = down ? [lower, upper] : [upper, lower], [role, number] = plan.cells[other];
        (wanted[port] ??= []).push(xs[other] + (role === "box" ? (down ? sizes[number].bottoms : sizes[number].tops)[value] : 0));
      }
      const near = (cell) => (wanted[cell] ?? [xs[cell]]).reduce((best, x) => (Math.abs(x - xs[cell]) < Math.abs(best - xs[cell]) ? x : best));
      const places = layer.map(near);
      if (layer.slice(1).every((cell, number) => places[number] + reach[layer[number]][1] + 2 <= places[number + 1] - reach[cell][0]))
        layer.forEach((cell, number) => { xs[cell] = places[number]; });
    }
  }

  function column(plan, head, margin) {
    const sizes = plan.boxes.map((key, number) => sizeOf(key, plan.tops[number], plan.bottoms[number]));
    const reach = plan.cells.map(([role, number]) => role === "box" ? [sizes[number].left, sizes[number].right] : [widths[number] / 2 + 1, widths[number] / 2 + 1]);
    const xs = across(plan, reach);
    straightenPorts(plan, xs, reach, sizes);
    let left = Math.min(...xs.map((x, cell) => x - reach[cell][0])), right = Math.max(...xs.map((x, cell) => x + reach[cell][1]));
    const ports = xs.filter((_, cell) => plan.cells[cell][0] === "in");
    if (head) left = Math.min(left, (ports.length ? Math.min(...ports) : 0) - is.aside - head.width);
    return down(plan, sizes, xs, reach, left - margin, right + margin, head, margin);
  }

  function down(plan, sizes, xs, reach, left, right, head, margin) {
    const sky = new Skyline(), ys = xs.map(() => 0), bends = [];
    const half = (value) => widths[value] / 2 + 3;
    const end = (cell, value, side) => xs[cell] + (plan.cells[cell][0] === "box" ? sizes[plan.cells[cell][1]][side][value] : 0);
    let lowest = 0;
    if (head) sky.lower(left, left + is.margin + head.width + 4, is.top + head.height);
    plan.layers.forEach((layer, number) => {
      for (const cell of layer) {
        if (plan.cells[cell][0] !== "box") continue;
        const [before, after] = reach[cell];
        ys[cell] = sky.lowest(xs[cell] - before, xs[cell] + after);
        const foot = ys[cell] + sizes[plan.cells[cell][1]].height;
        sky.lower(xs[cell] - before - 3, xs[cell] + after + 3, foot + is.clear);
        lowest = Math.max(lowest, foot);
      }
      const spans = (plan.links[number] ?? []).map((link) => {
        const x = end(link[0], link[2], "bottoms"), to = end(link[1], link[2], "tops");
        return [Math.min(x, to) - half(link[2]), Math.max(x, to) + half(link[2]), x, to, ...link];
      }).sort((one, other) => one.map((value, place) => value - other[place]).find((difference) => difference) ?? 0);
      for (const group of overlapping(spans)) {
        const start = group[0][0], stop = Math.max(...group.map((span) => span[1])), bend = sky.lowest(start, stop);
        const flat = bend + Math.min(is.straight + is.bend * Math.max(...group.map(([, , x, to]) => Math.abs(x - to))), is.steepest);
        sky.lower(start, stop, flat);
        lowest = Math.max(lowest, flat);
        for (const [, , x, to, upper, lower, value] of group) {
          bends.push({ x, to, upper, lower, value, bend, flat });
          if (plan.cells[lower][0] === "trunk") ys[lower] = flat;
        }
      }
    });
    const at = (role) => Object.fromEntries(plan.cells.flatMap(([own, number], cell) => (own === role ? [[number, xs[cell]]] : [])));
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

  function overlapping(spans) {
    const groups = [];
    let reached = -Infinity;
    for (const span of spans) {
      if (span[0] > reached) groups.push([]);
      groups.at(-1).push(span);
      reached = Math.max(reached, span[1]);
    }
    return groups;
  }

  function sideBySide(parts) {
    const turn = is.turn + is.lane * Math.max(...parts.slice(0, -1).map((part) => Object.keys(part.bottoms).length));
    const height = Math.max(...parts.map((part) => part.height)) + 2 * turn;
    const whole = { width: 0, height, middle: parts[0].middle, tops: parts[0].tops, bottoms: {}, spots: [], pieces: [], turns: [] };
    let feet = [];
    parts.forEach((part, number) => {
      const gutter = whole.width, at = gutter + (number ? is.gutter + is.lane * feet.length : 0);
      whole.width = at + part.width;
      whole.spots.push(...part.spots.map((spot) => ({ ...spot, x: spot.x + at, y: spot.y + turn })));
      whole.pieces.push(...part.pieces.map((piece) => ({
        ...piece, x: piece.x + at, toX: piece.toX + at, y: piece.y + turn, toY: piece.toY + turn, bend: piece.bend + turn, flat: piece.flat + turn,
      })));
      for (const [value, x] of number ? [] : Object.entries(part.tops))
        whole.turns.push({ value, points: [[at + part.middle + x, 0], [at + part.middle + x, turn]] });
      feet.forEach(({ value, x, y }, lane) => {
        const low = y + is.turn / 2 + is.lane * lane, aside = gutter + is.gutter / 2 + is.lane * lane, high = is.turn / 2 + is.lane * lane;
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

  const short = (value) => String(Number(value.toFixed(2)));
  const draw = (name, attributes, text) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, typeof value === "number" ? short(value) : value);
    if (text) element.textContent = text;
    return element;
  };

  function pieceMoves(piece, x, y) {
    const end = y + piece.toY - (piece.tip ? is.head - 1 : 0), flat = piece.x === piece.toX ? end : Math.min(y + piece.flat, end);
    const from = x + piece.x, to = x + piece.toX, bend = y + piece.bend, middle = (bend + flat) / 2, moves = [["M", from, y + piece.y]];
    if (piece.x === piece.toX) return [...moves, ["L", to, end]];
    if (piece.bend > piece.y) moves.push(["L", from, bend]);
    moves.push(["C", from, middle, to, middle, to, flat]);
    if (end > flat) moves.push(["L", to, end]);
    return moves;
  }

  function rounded(points) {
    const moves = [["M", ...points[0]]];
    points.slice(1, -1).forEach(([x, y], number) => {
      const [fromX, fromY] = points[number], [toX, toY] = points[number + 2];
      const before = Math.min(is.round / Math.max(Math.abs(x - fromX) + Math.abs(y - fromY), 1), 0.5);
      const after = Math.min(is.round / Math.max(Math.abs(x - toX) + Math.abs(y - toY), 1), 0.5);
      moves.push(["L", x + (fromX - x) * before, y + (fromY - y) * before], ["C", x, y, x, y, x + (toX - x) * after, y + (toY - y) * after]);
    });
    return [...moves, ["L", ...points.at(-1)]];
  }

  function paint(sheet, x, y, depth) {
    const paths = new Map(), arrows = [];
    const add = (value, moves) => paths.set(Number(value), [...(paths.get(Number(value)) ?? []), ...moves]);
    for (const piece of sheet.pieces) {
      add(piece.value, pieceMoves(piece, x, y));
      if (piece.tip) arrows.push([x + piece.toX, y + piece.toY, is.head + widths[piece.value] / 2]);
    }
    for (const { value, points } of sheet.turns) add(value, rounded(points.map(([toX, toY]) => [x + toX, y + toY])));
    for (const [value, moves] of [...paths].sort(([one], [other]) => one - other)) {
      const d = moves.map(([kind, ...at]) => kind + at.map(short).join(" ")).join("");
      network.append(draw("path", { d, fill: "none", stroke: is.wire, "stroke-width": widths[value], "stroke-linejoin": "round" }));
    }
    for (const [tipX, tipY, size] of arrows) {
      const points = [[tipX, tipY], [tipX - size / 2, tipY - size], [tipX + size / 2, tipY - size]];
      network.append(draw("path", { d: `M${points.map((point) => point.map(short).join(" ")).join("L")}Z`, fill: is.wire }));
    }
    for (const spot of sheet.spots) paintBox(spot, x + spot.x, y + spot.y, depth);
  }

  function paintBox({ key, width, height, inner }, x, y, depth) {
    const box = boxes[key], ground = inner ? is.grounds[depth % 2] : box.fill, thick = box.kind !== "op";
    const end = box.kind === "input" || box.kind === "output", radius = inner ? 10 : end ? height / 2 : box.kind === "scope" ? 8 : 4;
    const stroke = inner ? is.frame : thick ? is.ink : is.quiet, line = inner ? 1 : thick ? 1.4 : 0.9;
    if (box.count > 1) network.append(draw("rect", { x: x + is.sheets, y: y + is.sheets, width, height, rx: 9, fill: ground, stroke: inner ? is.frame : is.ink, "stroke-width": 1 }));
    const rect = draw("rect", { x, y, width, height, rx: radius, fill: ground, stroke, "stroke-width": line, "data-box": String(key) });
    rect.append(draw("title", {}, box.tip));
    network.append(rect);
    if (inner) paint(inner, x, y, depth + 1);
    if (key in columns) network.append(inner ? handle(key, draw("rect", { x, y, width: box.head.width + 2 * is.margin, height: box.head.height + is.top, rx: 10, fill: "transparent" })) : handle(key, rect));
    const [left, above] = inner ? [x + is.margin, y + is.top] : [x, y];
    for (const [text, toX, toY, size, bold, quiet, anchor] of inner ? box.head.lines : box.lines) {
      const look = { x: left + toX, y: above + toY, "font-size": size, ...(bold && { "font-weight": "600" }), ...(anchor === "end" && { "text-anchor": "end" }) };
      network.append(draw("text", { ...look, fill: inner && quiet ? is.quiet : is.ink, "pointer-events": "none" }, text));
    }
  }

  function handle(key, element) {
    const attributes = { class: "handle", role: "button", tabindex: "0", "aria-expanded": String(isOpen(key)), "aria-label": boxes[key].name, "data-handle": String(key) };
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  }

  function show() {
    const sheet = sheetOf(0), width = Math.max(sheet.width, is.wide) + 2 * is.around, height = is.above + sheet.height + is.around;
    network.replaceChildren();
    network.setAttribute("transform", `translate(${short((width - sheet.width) / 2)} ${short(is.above)})`);
    svg.setAttribute("viewBox", `0 0 ${short(width)} ${short(height)}`);
    for (const [name, value] of [["width", width], ["height", height]]) {
      svg.setAttribute(name, short(value));
      svg.querySelector("rect").setAttribute(name, short(value));
    }
    paint(sheet, 0, 0, 0);
  }

  function toggle(key) {
    const place = () => network.querySelector(`[data-handle="${key}"]`)?.getBoundingClientRect();
    const before = place();
    if (!opened.delete(key)) opened.add(key);
    show();
    const after = place();
    if (before && after) window.scrollBy(after.left - before.left, after.top - before.top);
    network.querySelector(`[data-handle="${key}"]`)?.focus({ preventScroll: true });
  }

  network.addEventListener("click", (event) => {
    const key = event.target.closest("[data-handle]")?.dataset.handle;
    if (key) toggle(Number(key));
  });
  network.addEventListener("keydown", (event) => {
    const key = event.target.dataset?.handle;
    if (!key || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    toggle(Number(key));
  });
  document.getElementById("depths").addEventListener("click", (event) => {
    if (event.target.dataset.depth === undefined) return;
    const depth = Number(event.target.dataset.depth);
    opened.clear();
    for (const [key, box] of Object.entries(boxes)) if (box.kind === "scope" && box.level <= depth) opened.add(Number(key));
    columns = { ...data.plans, ...data.columns[depth] };
    show();
  });
  document.getElementById("folding").hidden = false;
  show();
})();
