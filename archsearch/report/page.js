import { dataText, unpack } from "./script/dom.js";

// Tables: a click on a head sorts by that column, a second click the other way round; cells without a value stay last.
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = /** @type {HTMLTableCellElement} */ (button.closest("th"));
    const line = /** @type {HTMLTableRowElement} */ (head.closest("tr")), body = /** @type {HTMLTableElement} */ (head.closest("table")).tBodies[0];
    const direction = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const other of line.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
    const value = (/** @type {HTMLTableRowElement} */ row) => row.cells[head.cellIndex].dataset.value;
    const order = (/** @type {HTMLTableRowElement} */ a, /** @type {HTMLTableRowElement} */ b) => {
      if (value(a) === "" || value(b) === "") return Number(value(a) === "") - Number(value(b) === "");
      return direction * (Number(value(a)) - Number(value(b)));
    };
    body.append(...[...body.rows].sort(order));
  });
}

// Charts: the library lies in the page as gzip in base64; the page's policy admits the unpacked text by its hash.
void (async () => {
  const packed = dataText("library");
  if (packed === null) return;
  const script = document.createElement("script");
  script.textContent = await unpack(packed);
  document.head.append(script);
  const { config, figures } = JSON.parse(dataText("figures") ?? "");
  for (const [id, { data, layout }] of Object.entries(figures)) {
    await /** @type {any} */ (window).Plotly.newPlot(id, data, layout, config);
  }
  document.documentElement.dataset.drawn = "yes";
})();
