// The page of a run that goes on: takes in what is new, and says when it cannot.

import { h } from "../report/script/dom.js";
import { add } from "../report/script/main.js";
import { lineOf, listen } from "./news.js";

document.querySelector("header")?.append(h("p", { id: "news", role: "status", hidden: true }));
const news = lineOf("news");
listen("events", document.documentElement.dataset.place ?? "", {
  message: add,
  trouble: news.trouble,
  again: () => location.reload(),
}, news.connected);
