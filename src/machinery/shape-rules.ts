/** Holds an object to the rules of its shape: required, one of, least and most, immutable. All causes at once. */
import { own } from "#base/own.ts";
import { deepEqual } from "./equal.ts";
import { at, child, invalid, mistakesMax, notSupported, required, type FieldError } from "./field-error.ts";
import {
  fieldsOf,
  resolved,
  type Field,
  type ListShape,
  type ObjectShape,
  type ScalarShape,
  type Shape,
} from "./shape.ts";

interface Plan {
  readonly ruled: readonly (readonly [string, Field])[];
  readonly entered: readonly (readonly [string, Shape])[];
}

const plans = new WeakMap<ObjectShape, Plan>();
const open = new Set<ObjectShape>();

function hasRules(field: Field): boolean {
  const shape = resolved(field.shape);
  return field.presence === "required" || field.rules !== undefined || (shape.kind === "scalar" && !!shape.oneOf);
}

function planOf(shape: ObjectShape): Plan {
  const known = plans.get(shape);
  if (known) return known;
  open.add(shape);
  const fields = [...fieldsOf(shape)];
  const plan = {
    ruled: fields.filter(([, field]) => hasRules(field)),
    entered: fields.filter(([, field]) => rulesBelow(field.shape)).map(([name, field]) => [name, field.shape] as const),
  };
  open.delete(shape);
  plans.set(shape, plan);
  return plan;
}

function rulesBelow(shape: Shape): boolean {
  const known = resolved(shape);
  if (known.kind === "scalar") return known.oneOf !== undefined;
  if (known.kind === "list") return rulesBelow(known.item);
  if (known.kind === "map") return rulesBelow(known.value);
  // A shape that contains itself is looked at one level deep only, which is enough for every one of ours.
  if (open.has(known)) return false;
  const { ruled, entered } = planOf(known);
  return ruled.length + entered.length > 0;
}

class Walk {
  readonly errors: FieldError[] = [];

  object(shape: ObjectShape, value: Level): void {
    const { ruled, entered } = planOf(shape);
    for (const [name, field] of ruled)
      this.field(field, child(value.path, name), [own(value.now, name), own(value.old, name)]);
    for (const [name, inner] of entered) {
      const now = own(value.now, name);
      // "" says something where it is told apart from absence; elsewhere it is no more than a field without a value.
      if (now === undefined || (now === "" && fieldsOf(shape).get(name)?.keepsZero !== true)) continue;
      this.enter(inner, child(value.path, name), [now, own(value.old, name)]);
    }
  }

  private field(field: Field, path: string, [now, old]: Pair): void {
    if (field.presence === "required" && (now === undefined || now === "")) this.errors.push(required(path));
    const { min, max, immutable } = field.rules ?? {};
    if (typeof now === "number" && min !== undefined && now < min)
      this.errors.push(invalid(path, now, `must be greater than or equal to ${min}`));
    if (typeof now === "number" && max !== undefined && now > max)
      this.errors.push(invalid(path, now, `must be less than or equal to ${max}`));
    if (immutable === true && old !== undefined && !deepEqual(now, old))
      this.errors.push(invalid(path, now, "field is immutable"));
  }

  private enter(shape: Shape, path: string, [now, old]: Pair): void {
    const known = resolved(shape);
    if (known.kind === "scalar") {
      this.oneOf(known, path, now);
      return;
    }
    if (typeof now !== "object" || now === null) return;
    const before = asRecord(old);
    // Each cast holds because decoding made the value by this shape.
    if (known.kind === "object") this.object(known, { path, now: now as Record<string, unknown>, old: before });
    else if (known.kind === "list") this.list(known, path, [now, old]);
    else
      for (const [key, item] of Object.entries(now)) {
        this.enter(known.value, at(path, key), [item, own(before, key)]);
        if (this.errors.length >= mistakesMax) return;
      }
  }

  private oneOf({ oneOf }: ScalarShape, path: string, now: unknown): void {
    if (oneOf && typeof now === "string" && !oneOf.includes(now))
      this.errors.push(notSupported(path, now, [...oneOf].filter((name) => name !== "").sort()));
  }

  // Items of a keyed list are compared with their predecessor of the same keys, others with the one at their place.
  private list(shape: ListShape, path: string, [now, old]: Pair): void {
    const before: readonly unknown[] = Array.isArray(old) ? old : [];
    const byKeys = shape.keys.length === 0 ? undefined : indexed(before, shape.keys);
    // Holds because decoding made the value by a list shape.
    for (const [index, item] of (now as readonly unknown[]).entries()) {
      this.enter(shape.item, at(path, index), [item, byKeys ? byKeys.get(keysText(item, shape.keys)) : before[index]]);
      if (this.errors.length >= mistakesMax) return;
    }
  }
}

/** The first item of each set of keys. */
function indexed(items: readonly unknown[], keys: readonly string[]): ReadonlyMap<string, unknown> {
  const byKeys = new Map<string, unknown>();
  for (const item of items) {
    const text = keysText(item, keys);
    if (!byKeys.has(text)) byKeys.set(text, item);
  }
  return byKeys;
}

function keysText(item: unknown, keys: readonly string[]): string {
  const record = asRecord(item);
  return JSON.stringify(keys.map((key) => own(record, key) ?? null));
}

/** A value and its predecessor. */
type Pair = readonly [now: unknown, old: unknown];

interface Level {
  readonly path: string;
  readonly now: Readonly<Record<string, unknown>>;
  readonly old: Readonly<Record<string, unknown>> | undefined;
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> | undefined {
  // Holds: any object can be read by name.
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
}

/**
 * What is wrong with an object by the rules of its shape.
 *
 * @param old The object as stored; absent on create.
 */
export function validate(shape: ObjectShape, object: object, old?: object): readonly FieldError[] {
  const walk = new Walk();
  // Holds: any object can be read by name.
  walk.object(shape, { path: "", now: object as Record<string, unknown>, old: asRecord(old) });
  return walk.errors;
}
