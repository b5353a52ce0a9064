// What of a script in one function nothing uses that runs: `node unused.mjs TYPESCRIPT < script` prints [start, length] of each part, in UTF-16 units.
// Declarations of that function are kept from what runs at once on, by the names that they use; a name that means something else there keeps too much, never too little.

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { default: ts } = await import(pathToFileURL(process.argv[2]).href);
const file = ts.createSourceFile("library.js", readFileSync(0, "utf8"), ts.ScriptTarget.ES2022, true, ts.ScriptKind.JS);

/** The block of the most statements. */
let body = file;
const look = (node, depth) => {
  if (ts.isBlock(node) && node.statements.length > body.statements.length) body = node;
  if (depth) ts.forEachChild(node, (child) => look(child, depth - 1));
};
look(file, 24);

const isList = (statement) => ts.isVariableStatement(statement);
const units = body.statements.flatMap((statement) => (isList(statement) ? [...statement.declarationList.declarations] : [statement]));
const nameOf = (unit) => (unit.name && ts.isIdentifier(unit.name) ? unit.name.text : null);
const declared = new Map();
for (const unit of units) if (nameOf(unit)) declared.set(nameOf(unit), [...(declared.get(nameOf(unit)) ?? []), unit]);

/** Whether nothing happens when it is met: a function, plain data, or a call that only keeps a function for later. */
function waits(unit) {
  if (ts.isFunctionDeclaration(unit)) return true;
  if (!ts.isVariableDeclaration(unit)) return false;
  const value = unit.initializer;
  if (!value || ts.isArrowFunction(value) || ts.isFunctionExpression(value)) return true;
  return ts.isCallExpression(value) && ts.isIdentifier(value.expression) && value.arguments.length === 1 && ts.isArrowFunction(value.arguments[0]);
}

function namesIn(unit) {
  const found = new Set();
  const walk = (node) => {
    const member = node.parent && (ts.isPropertyAccessExpression(node.parent) || ts.isPropertyAssignment(node.parent)) && node.parent.name === node;
    if (ts.isIdentifier(node) && !member && declared.has(node.text)) found.add(node.text);
    ts.forEachChild(node, walk);
  };
  walk(unit);
  return found;
}

const used = new Set(units.filter((unit) => !waits(unit))), todo = [...used];
while (todo.length) {
  for (const name of namesIn(todo.pop())) {
    for (const unit of declared.get(name)) if (!used.has(unit)) todo.push(unit), used.add(unit);
  }
}

/** Parts to leave out of a list of declarations, with a comma each; none of what is kept. */
function partsOf(statement) {
  const list = isList(statement) ? [...statement.declarationList.declarations] : [statement], kept = list.filter((unit) => used.has(unit));
  if (!kept.length) return [[statement.getStart(), statement.end]];
  const last = list.lastIndexOf(kept[kept.length - 1]);
  const parts = list.slice(0, last).flatMap((unit, place) => (used.has(unit) ? [] : [[unit.getStart(), list[place + 1].getStart()]]));
  return last + 1 < list.length ? [...parts, [list[last].end, list[list.length - 1].end]] : parts;
}

const merged = [];
for (const [start, end] of body.statements.flatMap(partsOf)) {
  const before = merged[merged.length - 1];
  if (before && before[0] + before[1] === start) before[1] += end - start;
  else merged.push([start, end - start]);
}
process.stdout.write(JSON.stringify(merged));
