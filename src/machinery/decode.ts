/**
 * From the JSON of a request to an object of a shape: only known fields, scalars checked and canonical, fields that
 * are always there filled in. Absent, null and (for a list, a map, and a scalar whose zero means nothing) empty are
 * the same, as upstream has it.
 *
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation
 */
import { own } from "#base/own.ts";
import { decodeScalar, UnreadableError, WrongTypeError, zeroScalar } from "./decode-scalar.ts";
import type { Literals } from "./json-reader.ts";
import {
  fieldsOf,
  resolved,
  type Field,
  type JsonForms,
  type JsonValue,
  type ListShape,
  type MapShape,
  type ObjectShape,
  type Shape,
} from "./shape.ts";
import { badRequest } from "./status.ts";

/** An object under construction, which its holder owns and may change. */
export type DraftObject = Record<string, unknown>;

export interface Decoded {
  readonly object: DraftObject;
  /** What strict field validation refuses and the default warns of: `unknown field "spec.foo"`. */
  readonly problems: readonly string[];
}

export { applyDefaults } from "./shape-defaults.ts";
export { validate } from "./shape-rules.ts";

/** What decoding needs of an object shape, made once a shape. */
interface Plan {
  readonly fields: ReadonlyMap<string, Field>;
  readonly always: readonly (readonly [string, Field])[];
}

const stringList: ListShape = { kind: "list", item: { kind: "scalar", type: "string" }, listType: "atomic", keys: [] };

const plans = new WeakMap<ObjectShape, Plan>();

function planOf(shape: ObjectShape): Plan {
  const known = plans.get(shape);
  if (known) return known;
  const fields = fieldsOf(shape);
  const plan = { fields, always: [...fields].filter(([, field]) => field.presence === "always") };
  plans.set(shape, plan);
  return plan;
}

/** Sets a property whatever its name: assigning `__proto__` would change the prototype instead. */
export function setKey(target: DraftObject, key: string, value: unknown): void {
  if (key === "__proto__")
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  else target[key] = value;
}

// As many as upstream's decoder tells.
export const problemsMax = 100;

class Decoder {
  readonly problems: string[] = [];
  // Names and indices from the root to the value at hand, for sentences only.
  private readonly path: (string | number)[] = [];
  private readonly root: ObjectShape;

  private readonly literals: Literals | undefined;
  // What the scalar at hand is a member of.
  private holder: object = [];

  constructor(root: ObjectShape, literals: Literals | undefined) {
    this.root = root;
    this.literals = literals;
  }

  object(shape: ObjectShape, value: JsonValue, parent: ObjectShape): DraftObject {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw this.wrong(value, goTypeOf(shape), parent);
    // Holds because arrays and null are excluded above.
    const source = value as Readonly<Record<string, JsonValue | undefined>>;
    const plan = planOf(shape);
    const made: DraftObject = {};
    for (const name of Object.keys(source)) {
      const given = source[name];
      const field = plan.fields.get(name);
      if (field === undefined) {
        if (this.problems.length < problemsMax) this.problems.push(`unknown field "${this.pathText(name)}"`);
        continue;
      }
      if (given === null || given === undefined) continue;
      this.path.push(name);
      this.holder = source;
      const decoded = this.field(field, given, shape);
      this.path.pop();
      if (decoded !== undefined) made[name] = decoded;
    }
    fillAlways(shape, made);
    return made;
  }

  /** The value, or undefined when it says the same as absence. */
  private field(field: Field, value: JsonValue, parent: ObjectShape): unknown {
    const shape = resolved(field.shape);
    const decoded = this.value(shape, value, parent);
    if (field.presence === "always") return decoded;
    if (shape.kind === "list") return Array.isArray(decoded) && decoded.length === 0 ? undefined : decoded;
    if (shape.kind === "map") return isEmpty(decoded) ? undefined : decoded;
    if (shape.kind === "scalar" && !field.keepsZero && decoded === zeroScalar(shape.type)) return undefined;
    return decoded;
  }

  private value(shape: Exclude<Shape, { kind: "lazy" }>, value: JsonValue, parent: ObjectShape): unknown {
    if (shape.kind === "object") return this.object(shape, value, parent);
    if (shape.kind === "list") return this.list(shape, value, parent);
    if (shape.kind === "map") return this.map(shape, value, parent);
    if (shape.forms) return this.forms(shape.forms, value, parent);
    try {
      return decodeScalar(shape.type, value, this.literals?.of(this.holder, this.path.at(-1) ?? ""));
    } catch (thrown) {
      throw this.refusal(thrown, parent);
    }
  }

  private forms({ object, other }: JsonForms, value: JsonValue, parent: ObjectShape): unknown {
    if (other === "bool" && typeof value === "boolean") return value;
    if (other === "strings" && Array.isArray(value)) return this.list(stringList, value, parent);
    if (Array.isArray(value)) return this.list({ ...stringList, item: object }, value, parent);
    return this.value(resolved(object), value, parent);
  }

  private list(shape: ListShape, value: JsonValue, parent: ObjectShape): unknown[] {
    if (!Array.isArray(value)) throw this.wrong(value, goTypeOf(shape), parent);
    const item = resolved(shape.item);
    const path = this.path;
    const at = path.length;
    path.push(0);
    // Holds because Array.isArray narrows a readonly array type to any[].
    const items = (value as readonly JsonValue[]).map((entry, index) => {
      path[at] = index;
      this.holder = value;
      return entry === null ? zeroOf(item) : this.value(item, entry, parent);
    });
    path.pop();
    return items;
  }

  private map(shape: MapShape, value: JsonValue, parent: ObjectShape): DraftObject {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw this.wrong(value, goTypeOf(shape), parent);
    const inner = resolved(shape.value);
    const made: DraftObject = {};
    for (const [key, entry] of Object.entries(value)) {
      if (entry === undefined) continue;
      this.path.push(key);
      this.holder = value;
      const decoded = entry === null ? zeroOf(inner) : this.value(inner, entry, parent);
      if (decoded !== undefined) setKey(made, key, decoded);
      this.path.pop();
    }
    return made;
  }

  private wrong(value: JsonValue, goType: string, parent: ObjectShape): Error {
    return this.refusal(new WrongTypeError(value, goType), parent);
  }

  private refusal(thrown: unknown, parent: ObjectShape): Error {
    const [version = "", name = ""] = this.root.name.split(".").slice(-2);
    const head = `${name} in version ${JSON.stringify(version)} cannot be handled as a ${name}: `;
    if (thrown instanceof UnreadableError) return badRequest(head + thrown.message);
    if (!(thrown instanceof WrongTypeError)) throw thrown;
    const place = this.path.filter((step) => typeof step === "string").join(".");
    const into = place === "" ? "Go value" : `Go struct field ${lastName(parent)}.${place}`;
    return badRequest(`${head}json: cannot unmarshal ${thrown.found} into ${into} of type ${thrown.goType}`);
  }

  private pathText(last: string): string {
    let text = "";
    for (const step of [...this.path, last])
      text += typeof step === "number" ? `[${step}]` : text === "" ? step : `.${step}`;
    return text;
  }
}

function isEmpty(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  for (const _ in value) return false;
  return true;
}

function lastName(shape: ObjectShape): string {
  return shape.name.slice(shape.name.lastIndexOf(".") + 1);
}

/** How Go writes the type of a shape: `v1.PodSpec`, `[]v1.Container`, `map[string]string`. */
function goTypeOf(shape: Shape): string {
  const known = resolved(shape);
  if (known.kind === "object") return known.name.split(".").slice(-2).join(".");
  if (known.kind === "list") return `[]${goTypeOf(known.item)}`;
  if (known.kind === "map") return `map[string]${goTypeOf(known.value)}`;
  return goScalars[known.type] ?? known.type;
}

const goScalars: Readonly<Record<string, string>> = {
  bytes: "[]uint8",
  double: "float64",
  time: "v1.Time",
  microTime: "v1.MicroTime",
  quantity: "resource.Quantity",
  intOrString: "intstr.IntOrString",
};

/** What a shape is when nobody said anything: fresh at every call. Undefined for a scalar that is then absent. */
export function zeroOf(shape: Shape): unknown {
  const known = resolved(shape);
  if (known.kind === "scalar") return zeroScalar(known.type);
  if (known.kind === "list") return [];
  const made: DraftObject = {};
  if (known.kind === "object") fillAlways(known, made);
  return made;
}

/** Fills in the fields of an object that are always there and are not. */
export function fillAlways(shape: ObjectShape, made: DraftObject): void {
  for (const [name, field] of planOf(shape).always) {
    if (own(made, name) !== undefined) continue;
    const zero = zeroOf(field.shape);
    if (zero !== undefined) made[name] = zero;
  }
}

/**
 * A fresh object of the shape from parsed JSON.
 *
 * @param literals How the numbers in `value` were written, where that says more.
 * @returns The object, owned by the caller, and the unknown fields that were left out of it.
 * @throws StatusError 400 when a value has the wrong type or cannot be read.
 */
export function decode(shape: ObjectShape, value: JsonValue, literals?: Literals): Decoded {
  const decoder = new Decoder(shape, literals);
  const object = decoder.object(shape, value, shape);
  return { object, problems: decoder.problems };
}
