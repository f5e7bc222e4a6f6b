/**
 * One step of a field path, as FieldsV1 writes it: `f:name` a member, `k:{"name":"web"}` the item with these keys,
 * `v:"x"` the item of a set, `i:0` an index. Steps are kept in this canonical text, so that equal steps are equal text.
 *
 * @see https://kubernetes.io/docs/reference/using-api/server-side-apply/
 */
import { isObject, member } from "../json-object.ts";
import { JsonError, readJson, readWrittenJson } from "../json-reader.ts";
import { fieldsOf, resolved, type JsonObject, type JsonValue, type ListShape } from "../shape.ts";

/** The step that says "this itself", beside steps that lead deeper. */
export const self = ".";

export const fieldElement = (name: string): string => `f:${name}`;

/** An item that no step leads to. */
export class PathError extends Error {
  override readonly name = "PathError";
}

/**
 * The step to an item of a list of type set or map. Absent keys count with their default.
 *
 * @throws PathError when the item is null, of the wrong kind or has no key.
 */
export function itemElement(shape: ListShape, item: JsonValue): string {
  return shape.listType === "map" ? keyElement(shape, item) : valueElement(item);
}

/** The same for an item of a stored object, which is taken as it is: undefined for an item without a step. */
export function storedElement(shape: ListShape, item: JsonValue): string | undefined {
  try {
    return itemElement(shape, item);
  } catch (error) {
    if (error instanceof PathError) return undefined;
    throw error;
  }
}

function keyElement(shape: ListShape, item: JsonValue): string {
  if (item === null) throw new PathError("associative list with keys may not have a null element");
  if (!isObject(item)) throw new PathError("associative list with keys may not have non-map elements");
  let text = "";
  for (const key of sortedKeys(shape)) {
    const value = member(item, key) ?? keyDefault(shape, key);
    if (value !== undefined) text += `${text === "" ? "" : ","}"${key}":${jsonText(value)}`;
  }
  if (text !== "") return `k:{${text}}`;
  const keys = shape.keys.map((key) => JSON.stringify(key)).join(" ");
  throw new PathError(
    `associative list with keys has an element that omits all key fields [${keys}] (and doesn't have default values for any key fields)`,
  );
}

const sorted = new WeakMap<ListShape, readonly string[]>();

function sortedKeys(shape: ListShape): readonly string[] {
  if (shape.keys.length < 2) return shape.keys;
  const known = sorted.get(shape) ?? shape.keys.toSorted();
  sorted.set(shape, known);
  return known;
}

function keyDefault(shape: ListShape, key: string): JsonValue | undefined {
  const item = resolved(shape.item);
  const field = item.kind === "object" ? fieldsOf(item).get(key) : undefined;
  if (!field || field.defaultValue !== undefined || field.presence !== "always") return field?.defaultValue;
  const inner = resolved(field.shape);
  if (inner.kind !== "scalar") return undefined;
  return inner.type === "int32" || inner.type === "int64" ? 0 : "";
}

function valueElement(item: JsonValue): string {
  if (item === null) throw new PathError("associative list without keys has an element that's an explicit null");
  if (isObject(item)) throw new PathError("associative list without keys has an element that's a map type");
  if (Array.isArray(item)) throw new PathError("not supported: associative list with lists as elements");
  return `v:${jsonText(item)}`;
}

/** JSON as Go writes it, so that a step is the same text on both. */
function jsonText(value: JsonValue): string {
  const text = JSON.stringify(value);
  return /[<>&\u2028\u2029]/.test(text)
    ? text.replaceAll(/[<>&\u2028\u2029]/g, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`)
    : text;
}

/**
 * The canonical text of a step that a client wrote; undefined for a kind of step that is not known.
 *
 * @throws PathError when it is none.
 */
export function canonicalElement(text: string): string | undefined {
  if (text.length < 2) throw new PathError("key must be 2 characters long:");
  if (text[1] !== ":") throw new PathError(`missing colon: ${text}`);
  const rest = text.slice(2);
  switch (text.charAt(0)) {
    case "f":
      return text;
    case "k": {
      const keys = jsonIn(rest);
      if (!isObject(keys)) throw new PathError(`expected an object of keys: ${text}`);
      const members = Object.keys(keys).toSorted();
      return `k:{${members.map((key) => `${jsonText(key)}:${jsonText(member(keys, key) ?? null)}`).join(",")}}`;
    }
    case "v":
      return `v:${jsonText(jsonIn(rest))}`;
    case "i":
      if (!/^-?\d+$/.test(rest)) throw new PathError(`expected an index: ${text}`);
      return `i:${Number(rest)}`;
    default:
      return undefined;
  }
}

function jsonIn(text: string): JsonValue {
  try {
    return readJson(text).value;
  } catch (error) {
    if (error instanceof JsonError) throw new PathError(`expected JSON: ${text}`);
    throw error;
  }
}

/** A step in the form of paths in messages: `.spec`, `[name="web"]`, `[="x"]`, `[0]`. */
export function shownElement(element: string): string {
  const rest = element.slice(2);
  if (element.startsWith("f:")) return `.${rest}`;
  if (element.startsWith("i:")) return `[${rest}]`;
  if (element.startsWith("v:")) return `[=${JSON.stringify(jsonIn(rest))}]`;
  // Holds because every k: step is written by this file, as an object.
  const keys = jsonIn(rest) as JsonObject;
  const shown = Object.keys(keys).map((key) => `${key}=${JSON.stringify(member(keys, key))}`);
  return `[${shown.join(",")}]`;
}

const kindOrder = ".fkvi";

// Reading so many steps takes a few milliseconds.
const stepsAtOnce = 1_000;

/**
 * The steps in upstream's order: members by name, then keys and values by value, then indices. The very array when
 * they are in order already. May rest where it yields.
 */
export function* sortingElements(elements: readonly string[]): Generator<undefined, readonly string[]> {
  // Names, with or without "." before them, are in the order of their texts.
  if (elements.every((element) => element.startsWith("f") || element === self))
    return isSorted(elements) ? elements : elements.toSorted();
  // Each is read once: comparing reads none.
  const steps: Step[] = [];
  for (const element of elements) {
    if (steps.push(stepOf(element)) % stepsAtOnce === 0) yield;
  }
  for (let index = 1; index < steps.length; index += 1) {
    const [one, two] = [steps[index - 1], steps[index]];
    if (one && two && compareSteps(one, two) > 0) return steps.sort(compareSteps).map(({ element }) => element);
  }
  return elements;
}

function isSorted(texts: readonly string[]): boolean {
  for (let index = 1; index < texts.length; index += 1)
    if ((texts[index - 1] ?? "") > (texts[index] ?? "")) return false;
  return true;
}

interface Step {
  readonly element: string;
  readonly kind: number;
  /** Of keys, values and indices. */
  readonly value: JsonValue;
}

function stepOf(element: string): Step {
  const kind = kindOrder.indexOf(element[0] ?? "");
  return { element, kind, value: kind < 2 ? null : readWrittenJson(element.slice(2)) };
}

function compareSteps(a: Step, b: Step): number {
  if (a.element === b.element) return 0;
  if (a.kind !== b.kind) return a.kind - b.kind;
  if (a.kind < 2) return a.element < b.element ? -1 : 1;
  return compareJson(a.value, b.value);
}

/** Numbers, text, booleans, lists, objects, null. */
function compareJson(a: JsonValue, b: JsonValue): number {
  if (isNumber(a) && isNumber(b)) return a < b ? -1 : a > b ? 1 : 0;
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : a > b ? 1 : 0;
  if (typeof a === "boolean" && typeof b === "boolean") return Number(a) - Number(b);
  if (isObject(a) && isObject(b)) return compareKeys(Object.entries(a), Object.entries(b));
  return rankOf(a) - rankOf(b);
}

type Entries = readonly (readonly [string, JsonValue | undefined])[];

function compareKeys(a: Entries, b: Entries): number {
  for (const [index, [key, value = null]] of a.entries()) {
    const [otherKey, otherValue = null] = b[index] ?? [];
    if (otherKey === undefined) return 1;
    if (key !== otherKey) return key < otherKey ? -1 : 1;
    const values = compareJson(value, otherValue);
    if (values !== 0) return values;
  }
  return a.length - b.length;
}

function isNumber(value: JsonValue): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

function rankOf(value: JsonValue): number {
  const rank = ["number", "string", "boolean"].indexOf(isNumber(value) ? "number" : typeof value);
  if (rank >= 0) return rank;
  return value === null ? 5 : Array.isArray(value) ? 3 : 4;
}
