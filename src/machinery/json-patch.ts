/**
 * JSON patch, with the liberties of upstream's library: negative indices count from the end, and replace of an absent
 * member of an object adds it.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6902
 */
import { own } from "#base/own.ts";
import { isList, isObject, member, setMember, type JsonDraft } from "./json-object.ts";
import { isTooDeep, readWrittenJson } from "./json-reader.ts";
import type { JsonObject, JsonValue } from "./shape.ts";
import { badRequest, StatusError, tooLarge } from "./status.ts";

export const operationsMax = 10_000;
/** How much all copy operations of one patch may add. */
export const copiedBytesMax = 3 * 1024 * 1024;

/**
 * Differs from upstream: how many items all operations of one patch may move and members they may compare, about a
 * tenth of a second. Each insertion at the start of a list moves all of it.
 */
export const stepsMax = 100_000_000;

type Container = JsonDraft | JsonValue[];

/**
 * The patched document. It shares what did not change with `object`; neither input is changed.
 *
 * @throws StatusError 400 when `operations` is no patch, 413 when it is too long, 422 when it does not apply.
 */
export function applyJsonPatch(object: JsonObject, operations: JsonValue): JsonValue {
  if (!isList(operations) || !operations.every(isObject))
    throw badRequest("json: a JSON patch must be a list of operations, each an object with op and path");
  if (operations.length > operationsMax) {
    const sentence = "The allowed maximum operations in a JSON patch is";
    throw tooLarge(`${sentence} ${operationsMax}, got ${operations.length}`);
  }
  const patching = new Patching(object);
  for (const operation of operations) patching.apply(operation);
  // One patch adds below what others made: without an end, the object would become too deep for those who read it.
  if (isTooDeep(patching.root)) throw refused("", "exceeded max depth");
  return patching.root;
}

class Patching {
  root: JsonValue;
  // What this patch made and may write to; everything else is shared with the inputs and copied on the first write.
  private readonly owned = new Set<unknown>();
  private copiedBytes = 0;
  private steps = 0;

  constructor(root: JsonValue) {
    this.root = root;
  }

  apply(operation: JsonObject): void {
    const op = typeof operation.op === "string" ? operation.op : "unknown";
    const value = operation.value ?? null;
    switch (op) {
      case "add":
        this.add(op, pathOf(operation.path), value);
        return;
      case "remove":
        this.remove(op, pathOf(operation.path));
        return;
      case "replace":
        this.replace(pathOf(operation.path), value);
        return;
      case "move": {
        const from = pathOf(operation.from);
        const moved = this.read(op, from) ?? null;
        this.remove(op, from);
        this.add(op, pathOf(operation.path), moved);
        return;
      }
      case "copy":
        this.add(op, pathOf(operation.path), this.copyOf(this.read(op, pathOf(operation.from)) ?? null));
        return;
      case "test": {
        const path = pathOf(operation.path);
        if (!this.isEqual(this.read(op, path) ?? null, value)) throw refused(path, `testing value ${path} failed`);
        return;
      }
      default:
        throw refused("", `Unexpected kind: ${op}`);
    }
  }

  private add(op: string, path: string, value: JsonValue): void {
    const { container, key } = this.open(op, path);
    if (!Array.isArray(container)) setMember(container, key, value);
    else if (key === "-") container.push(value);
    else this.moved(container).splice(indexIn(container.length + 1, key, path), 0, value);
  }

  private remove(op: string, path: string): void {
    const { container, key } = this.open(op, path);
    if (Array.isArray(container)) this.moved(container).splice(indexIn(container.length, key, path), 1);
    else if (Object.hasOwn(container, key)) delete container[key];
    else throw refused(path, `${op} operation does not apply: unable to remove nonexistent key: ${key}`);
  }

  private replace(path: string, value: JsonValue): void {
    if (path === "") {
      if (!isObject(value) && !isList(value)) throw refused(path, "replace operation value must be object or array");
      this.root = value;
      return;
    }
    const { container, key } = this.open("replace", path);
    if (Array.isArray(container)) container[indexIn(container.length, key, path)] = value;
    else setMember(container, key, value);
  }

  private read(op: string, path: string): JsonValue | undefined {
    if (path === "" && op === "test") return this.root;
    const { container, key } = this.open(op, path);
    return Array.isArray(container) ? container[indexIn(container.length, key, path)] : member(container, key);
  }

  /** The container that holds the last part of the path, ready to be written to. */
  private open(op: string, path: string): { readonly container: Container; readonly key: string } {
    const parts = path.split("/").map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
    const key = parts.pop() ?? "";
    if (parts.length === 0) throw refused(path, `${op} operation does not apply: doc is missing path: "${path}"`);
    let container = this.own(this.root);
    this.root = container ?? this.root;
    for (const part of parts.slice(1)) {
      if (!container) break;
      let inner: Container | undefined;
      if (Array.isArray(container)) {
        const index = indexIn(container.length, part, path);
        inner = this.own(container[index]);
        if (inner) container[index] = inner;
      } else {
        inner = this.own(member(container, part));
        if (inner) setMember(container, part, inner);
      }
      container = inner;
    }
    if (!container) throw refused(path, `${op} operation does not apply: doc is missing path: "${path}"`);
    return { container, key };
  }

  private own(value: JsonValue | undefined): Container | undefined {
    if (!isList(value) && !isObject(value)) return undefined;
    // Holds because only containers made below are in the set.
    if (this.owned.has(value)) return value as Container;
    const copy: Container = isList(value) ? [...value] : { ...value };
    this.owned.add(copy);
    return copy;
  }

  /** The list, after its items were counted as moved. */
  private moved(container: JsonValue[]): JsonValue[] {
    this.count(container.length);
    return container;
  }

  /** @throws StatusError 413 */
  private count(steps: number): void {
    this.steps += steps;
    if (this.steps > stepsMax) throw tooLarge(`The allowed maximum work of a JSON patch is ${stepsMax} moved items`);
  }

  /** As deepEqual, and counts what it looks at. */
  private isEqual(a: JsonValue, b: JsonValue): boolean {
    if (isList(a) && isList(b)) {
      this.count(1);
      return a.length === b.length && a.every((item, index) => this.isEqual(item, b[index] ?? null));
    }
    if (!isObject(a) || !isObject(b)) return a === b;
    const [left, right] = [presentIn(a), presentIn(b)];
    // Listing the names of an object is many times a step.
    this.count((left.length + right.length) * namesSteps);
    return (
      left.length === right.length &&
      left.every((name) => Object.hasOwn(b, name) && this.isEqual(member(a, name) ?? null, member(b, name) ?? null))
    );
  }

  private copyOf(value: JsonValue): JsonValue {
    const text = JSON.stringify(value);
    this.copiedBytes += Buffer.byteLength(text);
    if (this.copiedBytes > copiedBytesMax) {
      const sentence = "Unable to complete the copy, the accumulated size increase of copy is";
      throw refused("", `${sentence} ${this.copiedBytes}, exceeding the limit ${copiedBytesMax}`);
    }
    return readWrittenJson(text);
  }
}

const namesSteps = 50;

function presentIn(object: JsonObject): string[] {
  return Object.keys(object).filter((name) => own(object, name) !== undefined);
}

function pathOf(path: JsonValue | undefined): string {
  if (typeof path !== "string") throw refused("", "operation missing path field, or from field where it needs one");
  return path;
}

/** An index below `length`; negative ones count from the end. */
function indexIn(length: number, key: string, path: string): number {
  const index = /^[+-]?\d+$/.test(key) ? Number(key) : Number.NaN;
  if (Number.isNaN(index)) throw refused(path, `value was not a proper array index: '${key}'`);
  if (index >= length || index < -length) throw refused(path, `Unable to access invalid index: ${key}`);
  return index < 0 ? index + length : index;
}

/** Differs from upstream: a cause says what did not apply, because the message alone says nothing. */
function refused(path: string, why: string): StatusError {
  return new StatusError({
    code: 422,
    reason: "Invalid",
    message: "the server rejected our request due to an error in our request",
    details: { causes: [{ reason: "FieldValueInvalid", message: why, field: path }] },
  });
}
