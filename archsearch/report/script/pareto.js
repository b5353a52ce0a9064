// Pareto words over points that are all minimised; the same as archsearch/pareto.py.

/** Places of the points that none dominates; of equal ones all stay. @param {number[][]} points */
export function frontOf(points) {
  const order = points.map((_, place) => place).sort((a, b) => compareAll(points[a], points[b]));
  if (points.length && points[0].length === 2) return staircase(points, order);
  /** @type {number[]} */
  const found = [];
  for (const place of order) if (!found.some((other) => dominates(points[other], points[place]))) found.push(place);
  return found;
}

/** Sorted by both: those under all before them, and their equals. @param {number[][]} points @param {number[]} order */
function staircase(points, order) {
  let [x, lowest] = [NaN, Infinity];
  return order.filter((place) => {
    const [a, b] = points[place];
    if (b < lowest) [x, lowest] = [a, b];
    return a === x && b === lowest;
  });
}

/** @param {number[]} a @param {number[]} b */
function compareAll(a, b) {
  for (let axis = 0; axis < a.length; axis += 1) if (a[axis] !== b[axis]) return a[axis] - b[axis];
  return 0;
}

/** @param {number[]} a @param {number[]} b */
function dominates(a, b) {
  let better = false;
  for (let axis = 0; axis < a.length; axis += 1) {
    if (a[axis] > b[axis]) return false;
    if (a[axis] < b[axis]) better = true;
  }
  return better;
}

/** Volume between points and a reference point, in slices along the last axis. @param {number[][]} points @param {number[]} reference @returns {number} */
export function hypervolume(points, reference) {
  const inside = points.filter((point) => point.every((value, axis) => value < reference[axis]));
  if (!inside.length) return 0;
  const last = reference.length - 1;
  if (!last) return reference[0] - Math.min(...inside.map(([value]) => value));
  const sorted = frontOf(inside).map((place) => inside[place]).sort((a, b) => a[last] - b[last]);
  let volume = 0;
  sorted.forEach((point, place) => {
    const above = place + 1 < sorted.length ? sorted[place + 1][last] : reference[last];
    if (above > point[last]) {
      const below = sorted.slice(0, place + 1).map((one) => one.slice(0, last));
      volume += (above - point[last]) * hypervolume(below, reference.slice(0, last));
    }
  });
  return volume;
}

/**
 * The share of the box from the best values to 10% beyond the worst that the front of the first k points beats, at some of the k; null is a failure.
 * @param {(number[] | null)[]} points @returns {{place: number, share: number}[]}
 */
export function growth(points) {
  const good = /** @type {number[][]} */ (points.filter((point) => point !== null));
  if (!good.length) return [];
  const axes = good[0].length, reference = Array(axes).fill(1.1);
  const low = good[0].map((_, axis) => good.reduce((least, point) => Math.min(least, point[axis]), Infinity));
  const span = good[0].map((_, axis) => good.reduce((most, point) => Math.max(most, point[axis]), -Infinity) - low[axis] || 1);
  const looks = Math.min(points.length, axes < 3 ? 200 : 30), found = [];
  /** @type {number[][]} */
  let front = [];
  let [next, grown, share] = [0, false, 0];
  for (let place = 0; place < points.length; place += 1) {
    const point = points[place]?.map((value, axis) => (value - low[axis]) / span[axis]);
    if (point && !front.some((other) => other.every((value, axis) => value <= point[axis]))) {
      front = [...front, point];
      front = frontOf(front).map((one) => front[one]);
      grown = true;
    }
    if (place < Math.floor((next * (points.length - 1)) / Math.max(looks - 1, 1))) continue;
    next += 1;
    if (grown) share = hypervolume(front, reference) / 1.1 ** axes;
    grown = false;
    if (front.length) found.push({ place, share });
  }
  return found;
}

/**
 * The place of the knee: of two objectives the point farthest below the line between the ends, of more the one nearest to the best of all;
 * axes from 0 to 1 over the front, by logarithms where values spread more than tenfold.
 * @param {number[][]} front
 */
export function kneeOf(front) {
  if (front.length < 3) return null;
  const columns = front[0].map((_, axis) => {
    const raw = front.map((point) => point[axis]), low = Math.min(...raw), high = Math.max(...raw);
    const scaled = low > 0 && high / low > 10 ? raw.map(Math.log) : raw;
    const [least, most] = [Math.min(...scaled), Math.max(...scaled)];
    return scaled.map((value) => (value - least) / (most - least || 1));
  });
  const score = (/** @type {number} */ place) =>
    columns.length === 2 ? columns[0][place] + columns[1][place] : Math.hypot(...columns.map((column) => column[place]));
  return front.reduce((best, _, place) => (score(place) < score(best) ? place : best), 0);
}
