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
type Step = (values: Values) => Values;

// Steps that name a value several times, or `..` after `..`, lead to some values over and over: it has to end somewhere.
const valuesMax = 10_000;

/** @throws JsonPathError when `text` is not understood. */
export function parseJsonPath(text: string): JsonPath {
  const steps = stepsOf(text.trim());
  return (document) => steps.reduce<Values>((values, step) => step(values).slice(0, valuesMax), [document]);
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
  return { step: (values) => (inner ?? same)(descend(values)), length: whole.length };
}

const same: Step = (values) => values;

function nameStep(name: string): Step {
  if (name === "*") return (values) => values.flatMap(childrenOf);
  return (values) =>
    values.flatMap((value) => {
      const found = isObject(value) ? member(value, name) : undefined;
      return found === undefined ? [] : [found];
    });
}

function childrenOf(value: JsonValue): Values {
  if (isList(value)) return value;
  return isObject(value) ? Object.values(value).filter((inner) => inner !== undefined) : [];
}

/** The values and all below them, as far as `valuesMax`. */
function descend(values: Values): Values {
  const found: JsonValue[] = [];
  const add = (value: JsonValue): void => {
    if (found.length >= valuesMax) return;
    found.push(value);
    for (const inner of childrenOf(value)) add(inner);
  };
  for (const value of values) add(value);
  return found;
}

function bracketStep(text: string): Step {
  const key = /^'([^']*)'$|^"([^"]*)"$/.exec(text);
  if (key) return nameStep((key[1] ?? key[2] ?? "").replaceAll(/\\(.)/g, "$1"));
  const parts = text.split(",");
  if (parts.length > 1) {
    const steps = parts.map((part) => bracketStep(part.trim()));
    return (values) => {
      const found: JsonValue[] = [];
      for (const step of steps) {
        if (found.length >= valuesMax) break;
        for (const value of step(values)) found.push(value);
      }
      return found;
    };
  }
  if (text === "*") return nameStep("*");
  const slice = /^(-?\d*)(?::(-?\d*))?(?::(-?\d*))?$/.exec(text);
  if (!slice) throw new JsonPathError(`invalid array index ${text}`);
  const [, start = "", end, step] = slice;
  if (end === undefined && start === "") throw new JsonPathError(`invalid array index ${text}`);
  if (end === undefined) return (values) => values.flatMap((value) => itemAt(value, Number(start)));
  return (values) => values.flatMap((value) => sliceOf(value, { start, end, step: step ?? "" }));
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
  const part = value.slice(start === "" ? 0 : Number(start), end === "" ? value.length : Number(end));
  return part.filter((_, index) => index % every === 0);
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
  if (!isComparison)
    return (values) => values.flatMap((value) => (isList(value) ? value.filter((item) => left(item).length > 0) : []));
  const right = operand(rightText);
  const compare = own(comparisons, operator);
  if (!compare) throw new JsonPathError(`unrecognized filter operator ${operator}`);
  const holds = (item: JsonValue): boolean => {
    const [a, b] = [comparable(left(item)), comparable(right(item))];
    return a !== undefined && b !== undefined && typeof a === typeof b && compare(a, b);
  };
  return (values) => values.flatMap((value) => (isList(value) ? value.filter(holds) : []));
}

function operand(text: string): JsonPath {
  const trimmed = text.trim();
  const quoted = /^(["'])([\s\S]*)\1$/.exec(trimmed);
  if (quoted) return constant((quoted[2] ?? "").replaceAll(/\\(.)/g, "$1"));
  if (trimmed === "true" || trimmed === "false") return constant(trimmed === "true");
  if (/^[+-]?\d+(?:\.\d+)?$/.test(trimmed)) return constant(Number(trimmed));
  return parseJsonPath(trimmed);
}

function constant(value: JsonValue): JsonPath {
  return () => [value];
}

/** One scalar; booleans compare as numbers. */
function comparable(values: Values): number | string | undefined {
  const [value] = values;
  if (values.length !== 1) return undefined;
  if (typeof value === "boolean") return Number(value);
  return typeof value === "number" || typeof value === "string" ? value : undefined;
}
