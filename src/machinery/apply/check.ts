/** What makes an applied object unfit to be merged, in upstream's sentences: unknown fields, wrong kinds, keys. */
import { isList, isObject } from "../json-object.ts";
import { fieldsOf, resolved, type JsonValue, type ListShape, type ObjectShape, type Shape } from "../shape.ts";
import { fieldElement, itemElement, PathError, shownElement } from "./path-element.ts";

// More of them say nothing new.
const problemsMax = 50;

/** `.spec.foo: field not declared in schema`, one a problem. */
export function problemsOf(value: JsonValue, shape: Shape): readonly string[] {
  const checker = new Checker();
  checker.check(value, shape, "");
  return checker.problems;
}

class Checker {
  readonly problems: string[] = [];

  check(value: JsonValue | undefined, shape: Shape, path: string): void {
    if (value === null || value === undefined || this.problems.length >= problemsMax) return;
    const at = resolved(shape);
    switch (at.kind) {
      case "scalar":
        this.checkScalar(value, at.type, path);
        return;
      case "list":
        if (isList(value)) this.checkItems(value, at, path);
        else this.refuse(path, `expected list, got ${JSON.stringify(value)}`);
        return;
      case "map":
        if (!isObject(value)) this.refuse(path, `expected map, got ${JSON.stringify(value)}`);
        else for (const name of Object.keys(value)) this.check(value[name], at.value, `${path}.${name}`);
        return;
      case "object":
        this.checkMembers(value, at, path);
    }
  }

  private checkMembers(value: JsonValue, shape: ObjectShape, path: string): void {
    if (!isObject(value)) {
      this.refuse(path, `expected map, got ${JSON.stringify(value)}`);
      return;
    }
    const fields = fieldsOf(shape);
    for (const name of Object.keys(value)) {
      if (value[name] === undefined) continue;
      const inner = path + shownElement(fieldElement(name));
      const field = fields.get(name);
      if (field) this.check(value[name], field.shape, inner);
      else if (shape.open !== true) this.refuse(inner, "field not declared in schema");
    }
  }

  private checkItems(list: readonly JsonValue[], shape: ListShape, path: string): void {
    const seen = new Set<string>();
    for (const [index, item] of list.entries()) {
      if (shape.listType === "atomic") {
        this.check(item, shape.item, `${path}[${index}]`);
        continue;
      }
      const element = this.elementOf(item, { shape, index, path });
      if (element === undefined) return;
      if (seen.has(element)) this.refuse(path, `duplicate entries for key ${shownElement(element)}`);
      seen.add(element);
      this.check(item, shape.item, path + shownElement(element));
    }
  }

  private elementOf(
    item: JsonValue,
    at: { readonly shape: ListShape; readonly index: number; readonly path: string },
  ): string | undefined {
    try {
      return itemElement(at.shape, item);
    } catch (error) {
      if (!(error instanceof PathError)) throw error;
      this.refuse(at.path, `element ${at.index}: ${error.message}`);
      return undefined;
    }
  }

  private checkScalar(value: JsonValue, type: string, path: string): void {
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

  private refuse(path: string, why: string): void {
    this.problems.push(path === "" ? why : `${path}: ${why}`);
  }
}

function goKind(value: JsonValue): string {
  if (isList(value)) return "[]interface {}";
  return isObject(value) ? "map[string]interface {}" : typeof value === "boolean" ? "bool" : "string";
}
