// Elements, and what leaves the page: files and the clipboard. Texts are set as text, never read as HTML.

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * An element with attributes, listeners (`onclick` and the like, as functions) and children.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {Record<string, any>} [given] @param {...(Child | Child[])} children @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, given = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  for (const child of children.flat()) if (child) element.append(child);
  return element;
}

/** @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no ${id}`);
  return found;
}

/** The text of a script element that holds data; null where the page has none. @param {string} id */
export function dataText(id) {
  return document.getElementById(id)?.textContent ?? null;
}

/** Text from gzip in base64. @param {string} packed */
export async function unpack(packed) {
  const letters = atob(packed.trim()), bytes = new Uint8Array(letters.length);
  for (let place = 0; place < bytes.length; place += 1) bytes[place] = letters.charCodeAt(place); // Uint8Array.from takes 20 times as long
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

/** A button. @param {string} text @param {() => void} act @param {Record<string, any>} [more] */
export function button(text, act, more = {}) {
  return h("button", { type: "button", ...more, onclick: act }, text);
}

/**
 * A choice with its label.
 * @param {string} label @param {[value: string, text: string][]} options @param {string} value @param {(value: string) => void} act
 */
export function choice(label, options, value, act) {
  const select = h("select", { onchange: () => act(select.value) }, options.map(([one, text]) => h("option", { value: one }, text)));
  select.value = value;
  return h("label", { class: "choice" }, h("span", {}, label), select);
}

/** A box to tick with its label. @param {string} label @param {boolean} on @param {(on: boolean) => void} act @param {string} [told] the label as it is read out */
export function tick(label, on, act, told) {
  const box = h("input", { type: "checkbox", "aria-label": told, onchange: () => act(box.checked) });
  box.checked = on;
  return h("label", { class: "tick" }, box, label);
}

/** Say something to who listens to the page, and show it for a moment. @param {string} text @param {boolean} [shown] */
export function announce(text, shown = false) {
  byId("said").textContent = text;
  byId("said").classList.toggle("shown", shown);
  if (shown) setTimeout(() => byId("said").classList.remove("shown"), 2500);
}

/** Hand a file to the browser. @param {string} name @param {Blob | string} content a blob, a data URL, or text */
export function download(name, content) {
  const isUrl = typeof content === "string" && content.startsWith("data:");
  const url = isUrl ? content : URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type: "text/plain" }));
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  if (!isUrl) setTimeout(() => URL.revokeObjectURL(url), 10000);
  announce(`${name} is written`, true);
}

/** Put a text into the clipboard, also where the browser keeps that from pages that are files. @param {string} text @param {string} what */
export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = h("textarea", { class: "hidden" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  announce(`${what} copied`, true);
}

/** Rows as CSV: quoted where need be; what a spreadsheet would take for a formula is kept from being one. @param {(string | number | null)[][]} rows */
export function csv(rows) {
  const cell = (/** @type {string | number | null} */ value) => {
    if (value === null || typeof value === "number") return value === null ? "" : String(value);
    const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

/** A text of at most so many letters; the whole stands in the tooltip of who shows it. @param {string} text @param {number} most */
export function cut(text, most) {
  return text.length > most ? `${text.slice(0, most - 1)}\u2026` : text;
}
