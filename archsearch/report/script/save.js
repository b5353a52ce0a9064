// An SVG element of the page as a file.

import { download, h } from "./dom.js";

const LARGEST = 8000;

/** @param {SVGSVGElement} svg @param {string} name @param {string} kind svg or png @param {string} ground */
export async function saveSvg(svg, name, kind, ground) {
  const copied = /** @type {SVGSVGElement} */ (svg.cloneNode(true));
  copied.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  const text = new XMLSerializer().serializeToString(copied);
  if (kind === "svg") return download(`${name}.svg`, new Blob([text], { type: "image/svg+xml" }));
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const grown = Math.min(2, LARGEST / Math.max(image.width, image.height));
  const canvas = h("canvas", { width: Math.ceil(image.width * grown), height: Math.ceil(image.height * grown) });
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  pen.fillStyle = ground;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((/** @type {(blob: Blob | null) => void} */ done) => canvas.toBlob(done, "image/png"));
  if (blob) download(`${name}.png`, blob);
  return undefined;
}
