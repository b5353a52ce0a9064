// Numbers as people write them; the same as archsearch/units.py.

/** @typedef {{label: string, axis: string, factor: number, suffix: string, prefixed: boolean}} Unit */

const PREFIXES = /** @type {[number, string][]} */ ([[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]);
export const DASH = "\u2013";

/** Three figures and a prefix: 12.3 M. @param {number} value @param {string} [suffix] @param {boolean} [exact] round numbers without zeros */
export function prefixed(value, suffix = "", exact = false) {
  for (const [size, prefix] of PREFIXES) {
    if (Math.abs(value) < 0.9995 * size) continue;
    const scaled = value / size, digits = Math.abs(scaled) < 9.995 ? 2 : Math.abs(scaled) < 99.95 ? 1 : 0;
    return `${exact ? String(Number(scaled.toPrecision(6))) : scaled.toFixed(digits)} ${prefix}${suffix}`;
  }
  return `${figures(value)}${suffix ? ` ${suffix}` : ""}`;
}

/** At most four figures. @param {number} value */
export function figures(value) {
  return String(Number(value.toPrecision(4)));
}

/** A number with its unit; a dash where there is none. @param {Unit} unit @param {number | null | undefined} value */
export function written(unit, value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return DASH;
  if (unit.prefixed) return prefixed(value, unit.suffix);
  return unit.suffix === "%" ? `${(value * 100).toFixed(2)}%` : `${figures(value * unit.factor)}${unit.suffix}`;
}

/** A difference with its sign: points of a percentage, else percent of what it was. @param {Unit} unit @param {number} from @param {number} to */
export function gap(unit, from, to) {
  const sign = to > from ? "+" : to < from ? "\u2212" : "\u00b1";
  if (unit.suffix === "%") return `${sign}${Math.abs((to - from) * 100).toFixed(2)} points`;
  if (!from) return `${sign}${written(unit, Math.abs(to - from))}`;
  const share = Math.abs(to / from - 1) * 100;
  return `${sign}${share >= 1000 ? Math.round(share).toLocaleString("en") : share.toFixed(share < 10 ? 1 : 0)}%`;
}

/** The least and the largest; from infinity to minus infinity of none. @param {number[]} values @returns {[number, number]} */
export function extent(values) {
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) [least, most] = [Math.min(least, value), Math.max(most, value)];
  return [least, most];
}

/** Seconds for people. @param {number} seconds */
export function duration(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  return seconds < 7200 ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** Round numbers for a logarithmic axis: 1, 2, 5 of each decade; more over a narrow range, fewer over a wide one. @param {number} low @param {number} high */
export function logMarks(low, high) {
  const ratio = high / low, steps = ratio < 10 ? [1, 1.5, 2, 3, 4, 5, 7] : ratio < 60 ? [1, 2, 5] : ratio < 1e3 ? [1, 3] : [1], marks = [];
  for (let power = -12; power < 16; power += 1) for (const step of steps) marks.push(Number((step * 10 ** power).toPrecision(6)));
  return marks.filter((mark) => low / 2 <= mark && mark <= high * 2);
}
