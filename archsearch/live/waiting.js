// A run that cannot be read yet: says why, and becomes its page once it can.

import { lineOf, listen } from "./news.js";

const waiting = lineOf("line");
document.documentElement.dataset.ready = "yes";
listen("events", "", { trouble: waiting.trouble, again: () => location.reload() }, waiting.connected);
