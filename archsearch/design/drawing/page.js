import { Picture } from "./picture.js";

const data = JSON.parse(/** @type {HTMLElement} */ (document.getElementById("drawing")).textContent ?? "");
const svg = /** @type {SVGSVGElement} */ (document.querySelector("svg"));
const picture = new Picture(svg, data, { ...data.plans, ...data.columns[data.depth] }, data.opened, { fill: (box) => box.fill, tip: (box) => box.tip });

const depths = /** @type {HTMLElement} */ (document.getElementById("depths"));
depths.addEventListener("click", (event) => {
  const depth = event.target instanceof HTMLElement ? event.target.dataset.depth : undefined;
  if (depth !== undefined) picture.openTo(Number(depth), { ...data.plans, ...data.columns[depth] });
});
/** @type {HTMLElement} */ (document.getElementById("folding")).hidden = false;
picture.show();
