/**
 * The JSONPath of kubectl and of printer columns: `.spec.replicas`, `.status.conditions[?(@.type=="Ready")].status`,
 * `.items[*].name`, `.metadata.annotations['a.b/c']`, `..name`.
 *
 * @see https://kubernetes.io/docs/reference/kubectl/jsonpath/
 */
import { own } from "#base/own.ts";
import { isList, isObject, member } from "./json-object.ts";
import type { JsonValue } from "./shape.ts";

/** A text that is no path. */
export class JsonPathError extends Error {
  override readonly name = "JsonPathError";
}

/** The values a path leads to in a document; none when it leads nowhere. */
export type JsonPath = (document: JsonValue) => readonly JsonValue[];

type Values = readonly JsonValue[];
/** How many more values one evaluation may look at. */
interface Visits {
  left: number;
}
type Step = (values: Values, visits: Visits) => Values;

// `..` after `..` finds the same values over and over: without an end, a path of forty characters never comes to its own.
const visitsMax = 100_000;

/**
 * Differs from upstream: a path that leads to more values than a table could show gives the first of them.
 *
 * @throws JsonPathError when `text` is not understood.
 */
export function parseJsonPath(text: string): JsonPath {
  const evaluate = pathOf(text);
  return (document) => evaluate(document, { left: visitsMax });
}

type Evaluate = (document: JsonValue, visits: Visits) => Values;

function pathOf(text: string): Evaluate {
  const steps = stepsOf(text.trim());
  return (document, visits) => steps.reduce<Values>((values, step) => step(values, visits), [document]);
}

/** What `make` finds in each value, until there were visits enough. */
function spread(
  values: Values,
  visits: Visits,
  make: (value: JsonValue, visits: Visits) => Iterable<JsonValue>,
): Values {
  const found: JsonValue[] = [];
  for (const value of values) {
    if (visits.left <= 0) return found;
    visits.left -= 1;
    for (const inner of make(value, visits)) {
      if (visits.left <= 0) return found;
      visits.left -= 1;
      found.push(inner);
    }
  }
  return found;
}

// A path is written by hand; a longer one is a mistake or an attack.
const lengthMax = 4_096;

function stepsOf(text: string): Step[] {
  if (text.length > lengthMax) throw new JsonPathError(`expected a path of at most ${lengthMax} characters`);
  const steps: Step[] = [];
  let rest = text.replace(/^[$@]/, "");
  while (rest !== "") {
    const { step, length } = nextStep(rest);
    steps.push(step);
    rest = rest.slice(length);
  }
  return steps;
}

const fieldForm = /^(\.\.?)((?:\\.|[^\\.,[\]$@{}\s])*)/;

function nextStep(rest: string): { readonly step: Step; readonly length: number } {
  if (rest.startsWith("[?(")) {
    const end = filterEnd(rest);
    return { step: filterStep(rest.slice(3, end)), length: end + 2 };
  }
  if (rest.startsWith("[")) {
    const end = rest.indexOf("]");
    if (end < 0) throw new JsonPathError("unterminated array");
    return { step: bracketStep(rest.slice(1, end)), length: end + 1 };
  }
  const field = fieldForm.exec(rest);
  if (!field) throw new JsonPathError(`unrecognized character in action: ${JSON.stringify(rest[0])}`);
  const [whole, dots, name = ""] = field;
  const inner = name === "" ? undefined : nameStep(name.replaceAll(/\\(.)/g, "$1"));
  if (dots === ".") {
    if (!inner && rest.length > 1) throw new JsonPathError(`expected a name in ${JSON.stringify(rest)}`);
    return { step: inner ?? same, length: whole.length };
  }
  const step: Step = (values, visits) => (inner ?? same)(spread(values, visits, descend), visits);
  return { step, length: whole.length };
}

const same: Step = (values) => values;

function nameStep(name: string): Step {
  if (name === "*") return (values, visits) => spread(values, visits, childrenOf);
  return (values, visits) =>
    spread(values, visits, (value) => {
      const found = isObject(value) ? member(value, name) : undefined;
      return found === undefined ? [] : [found];
    });
}

/** What is one step below. Opening an object costs as much as all that is in it, wanted or not. */
function childrenOf(value: JsonValue, visits: Visits): Values {
  if (isList(value)) return value;
  if (!isObject(value)) return [];
  const children = Object.values(value).filter((inner) => inner !== undefined);
  visits.left -= children.length;
  return children;
}

/** The value and all below it. */
function* descend(value: JsonValue, visits: Visits): Generator<JsonValue> {
  yield value;
  const open = [childrenOf(value, visits).values()];
  for (let inner = open.at(-1)?.next(); inner; inner = open.at(-1)?.next()) {
    if (inner.done) open.pop();
    else {
      yield inner.value;
      open.push(childrenOf(inner.value, visits).values());
    }
  }
}

function bracketStep(text: string): Step {
  const key = /^'([^']*)'$|^"([^"]*)"$/.exec(text);
  if (key) return nameStep((key[1] ?? key[2] ?? "").replaceAll(/\\(.)/g, "$1"));
  const parts = text.split(",");
  if (parts.length > 1) {
    const steps = parts.map((part) => bracketStep(part.trim()));
    return (values, visits) => steps.flatMap((step) => step(values, visits));
  }
  if (text === "*") return nameStep("*");
  const slice = /^(-?\d*)(?::(-?\d*))?(?::(-?\d*))?$/.exec(text);
  if (!slice) throw new JsonPathError(`invalid array index ${text}`);
  const [, start = "", end, step] = slice;
  if (end === undefined && start === "") throw new JsonPathError(`invalid array index ${text}`);
  if (end === undefined) return (values, visits) => spread(values, visits, (value) => itemAt(value, Number(start)));
  return (values, visits) => spread(values, visits, (value) => sliceOf(value, { start, end, step: step ?? "" }));
}

function itemAt(value: JsonValue, index: number): Values {
  const item = isList(value) ? value.at(index) : undefined;
  return item === undefined ? [] : [item];
}

interface Slice {
  readonly start: string;
  readonly end: string;
  readonly step: string;
}

function sliceOf(value: JsonValue, { start, end, step }: Slice): Values {
  const every = step === "" ? 1 : Number(step);
  if (!isList(value) || !(every > 0)) return [];
  const bound = (index: number): number =>
    Math.min(index < 0 ? Math.max(value.length + index, 0) : index, value.length);
  const [first, last] = [bound(Number(start)), end === "" ? value.length : bound(Number(end))];
  const part: JsonValue[] = [];
  for (let at = first; at < last && part.length < visitsMax; at += every) part.push(...value.slice(at, at + 1));
  return part;
}

/** Where the `)]` of a filter is; one in quotes does not count. */
function filterEnd(rest: string): number {
  const filter = /^\[\?\((?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^"')])*\)\]/.exec(rest);
  if (!filter) throw new JsonPathError("unterminated filter");
  return filter[0].length - 2;
}

const comparisons: Readonly<Record<string, (left: number | string, right: number | string) => boolean>> = {
  "==": (left, right) => left === right,
  "!=": (left, right) => left !== right,
  "<": (left, right) => left < right,
  "<=": (left, right) => left <= right,
  ">": (left, right) => left > right,
  ">=": (left, right) => left >= right,
};

function filterStep(text: string): Step {
  const found = /[!<>=]+/.exec(text);
  const [operator = ""] = found ?? [];
  const leftText = text.slice(0, found?.index);
  const rightText = text.slice(leftText.length + operator.length);
  const isComparison = leftText !== "" && rightText !== "";
  const left = operand(isComparison ? leftText : text);
  if (!isComparison) return filtered((item, visits) => left(item, visits).length > 0);
  const right = operand(rightText);
  const compare = own(comparisons, operator);
  if (!compare) throw new JsonPathError(`unrecognized filter operator ${operator}`);
  return filtered((item, visits) => {
    const [a, b] = [comparable(left(item, visits)), comparable(right(item, visits))];
    return a !== undefined && b !== undefined && typeof a === typeof b && compare(a, b);
  });
}

function filtered(holds: (item: JsonValue, visits: Visits) => boolean): Step {
  return (values, visits) =>
    spread(values, visits, function* (value) {
      for (const item of isList(value) ? value : []) {
        if (visits.left <= 0) return;
        visits.left -= 1;
        if (holds(item, visits)) yield item;
      }
    });
}

function operand(text: string): Evaluate {
  const trimmed = text.trim();
  const quoted = /^(["'])([\s\S]*)\1$/.exec(trimmed);
  if (quoted) return constant((quoted[2] ?? "").replaceAll(/\\(.)/g, "$1"));
  if (trimmed === "true" || trimmed === "false") return constant(trimmed === "true");
  if (/^[+-]?\d+(?:\.\d+)?$/.test(trimmed)) return constant(Number(trimmed));
  return pathOf(trimmed);
}

function constant(value: JsonValue): Evaluate {
  return () => [value];
}

/** One scalar; booleans compare as numbers. */
function comparable(values: Values): number | string | undefined {
  const [value] = values;
  if (values.length !== 1) return undefined;
  if (typeof value === "boolean") return Number(value);
  return typeof value === "number" || typeof value === "string" ? value : undefined;
}
