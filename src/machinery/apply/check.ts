/** What makes an applied object unfit to be merged, in upstream's sentences: unknown fields, wrong kinds, keys. */
import { isList, isObject } from "../json-object.ts";
import { fieldsOf, resolved, type JsonValue, type ListShape, type ObjectShape, type Shape } from "../shape.ts";
import { fieldElement, itemElement, PathError, shownElement } from "./path-element.ts";

// More of them say nothing new.
const problemsMax = 50;

// Looking at so many values takes a few milliseconds.
const valuesAtOnce = 1_000;

/** Where a value stands. Shown only for a mistake: an object has thousands of places, and few mistakes. */
interface Place {
  readonly above: Place | undefined;
  /** The step from there, shown. */
  readonly step: () => string;
}

const top: Place = { above: undefined, step: () => "" };

function shownPlace({ above, step }: Place): string {
  return above ? shownPlace(above) + step() : step();
}

/** `.spec.foo: field not declared in schema`, one a problem. May rest where it yields. */
export function* findingProblems(value: JsonValue, shape: Shape): Generator<undefined, readonly string[]> {
  const checker = new Checker();
  yield* checker.check(value, shape, top);
  return checker.problems;
}

type Checking = Generator<undefined, void>;

class Checker {
  readonly problems: string[] = [];
  private looked = 0;

  *check(value: JsonValue | undefined, shape: Shape, path: Place): Checking {
    this.looked += 1;
    if (this.looked % valuesAtOnce === 0) yield;
    if (value === null || value === undefined || this.problems.length >= problemsMax) return;
    const at = resolved(shape);
    switch (at.kind) {
      case "scalar":
        this.checkScalar(value, at.type, path);
        return;
      case "list":
        if (isList(value)) yield* this.checkItems(value, at, path);
        else this.refuse(path, `expected list, got ${JSON.stringify(value)}`);
        return;
      case "map":
        if (!isObject(value)) this.refuse(path, `expected map, got ${JSON.stringify(value)}`);
        else
          for (const name of Object.keys(value))
            yield* this.check(value[name], at.value, { above: path, step: () => `.${name}` });
        return;
      case "object":
        yield* this.checkMembers(value, at, path);
    }
  }

  private *checkMembers(value: JsonValue, shape: ObjectShape, path: Place): Checking {
    if (!isObject(value)) {
      this.refuse(path, `expected map, got ${JSON.stringify(value)}`);
      return;
    }
    const fields = fieldsOf(shape);
    for (const name of Object.keys(value)) {
      if (value[name] === undefined) continue;
      const inner = { above: path, step: () => shownElement(fieldElement(name)) };
      const field = fields.get(name);
      if (field) yield* this.check(value[name], field.shape, inner);
      else if (shape.open !== true) this.refuse(inner, "field not declared in schema");
    }
  }

  private *checkItems(list: readonly JsonValue[], shape: ListShape, path: Place): Checking {
    const seen = new Set<string>();
    for (const [index, item] of list.entries()) {
      if (shape.listType === "atomic") {
        yield* this.check(item, shape.item, { above: path, step: () => `[${index}]` });
        continue;
      }
      const element = this.elementOf(item, { shape, index, path });
      if (element === undefined) return;
      if (seen.has(element)) this.refuse(path, `duplicate entries for key ${shownElement(element)}`);
      seen.add(element);
      yield* this.check(item, shape.item, { above: path, step: () => shownElement(element) });
    }
  }

  private elementOf(
    item: JsonValue,
    at: { readonly shape: ListShape; readonly index: number; readonly path: Place },
  ): string | undefined {
    try {
      return itemElement(at.shape, item);
    } catch (error) {
      if (!(error instanceof PathError)) throw error;
      this.refuse(at.path, `element ${at.index}: ${error.message}`);
      return undefined;
    }
  }

  private checkScalar(value: JsonValue, type: string, path: Place): void {
    switch (type) {
      case "int32":
      case "int64":
      case "double":
        if (typeof value !== "number") this.refuse(path, `expected numeric (int or float), got ${goKind(value)}`);
        return;
      case "bool":
        if (typeof value !== "boolean") this.refuse(path, `expected boolean, got ${JSON.stringify(value)}`);
        return;
      case "string":
      case "bytes":
        if (typeof value !== "string") this.refuse(path, `expected string, got ${JSON.stringify(value)}`);
        return;
      case "any":
      case "rawExtension":
      case "fieldsV1":
        return;
      default:
        if (typeof value === "object") this.refuse(path, `expected any scalar, got ${JSON.stringify(value)}`);
    }
  }

  private refuse(place: Place, why: string): void {
    const path = shownPlace(place);
    this.problems.push(path === "" ? why : `${path}: ${why}`);
  }
}

function goKind(value: JsonValue): string {
  if (isList(value)) return "[]interface {}";
  return isObject(value) ? "map[string]interface {}" : typeof value === "boolean" ? "bool" : "string";
}
