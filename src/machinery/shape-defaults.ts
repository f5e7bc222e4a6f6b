/** Fills in what a shape's fields say is the default. Defaults that depend on other fields are a resource's. */
import { own } from "#base/own.ts";
import { Quantity } from "./quantity.ts";
import { fieldsOf, resolved, type Field, type JsonValue, type ObjectShape, type Shape } from "./shape.ts";

interface Plan {
  /** Fields with a default of their own. */
  readonly filled: readonly (readonly [string, Field])[];
  /** Fields with defaults somewhere below. */
  readonly entered: readonly (readonly [string, Shape])[];
}

const plans = new WeakMap<ObjectShape, Plan>();
const open = new Set<ObjectShape>();

function planOf(shape: ObjectShape): Plan {
  const known = plans.get(shape);
  if (known) return known;
  open.add(shape);
  const fields = [...fieldsOf(shape)];
  const plan = {
    filled: fields.filter(([, field]) => field.defaultValue !== undefined),
    entered: fields
      .filter(([, field]) => hasDefaults(field.shape))
      .map(([name, field]) => [name, field.shape] as const),
  };
  open.delete(shape);
  plans.set(shape, plan);
  return plan;
}

function hasDefaults(shape: Shape): boolean {
  const known = resolved(shape);
  if (known.kind === "scalar") return false;
  if (known.kind === "list") return hasDefaults(known.item);
  if (known.kind === "map") return isQuantity(known.value) || hasDefaults(known.value);
  // A shape that contains itself has no defaults in any of ours.
  if (open.has(known)) return false;
  const { filled, entered } = planOf(known);
  return filled.length + entered.length > 0;
}

/** Sets every absent field that has a default. The draft is the caller's and is changed in place. */
export function applyDefaults(shape: ObjectShape, draft: Record<string, unknown>): void {
  const { filled, entered } = planOf(shape);
  for (const [name, field] of filled) if (isUnset(field, own(draft, name))) draft[name] = copied(field.defaultValue);
  for (const [name, inner] of entered) if (own(draft, name) !== undefined) enter(inner, own(draft, name));
}

function isUnset(field: Field, value: unknown): boolean {
  const silent = !field.keepsZero || field.presence === "always";
  return value === undefined || (silent && (value === "" || value === 0 || value === false));
}

function copied(value: JsonValue | undefined): unknown {
  return typeof value === "object" && value !== null ? structuredClone(value) : value;
}

function enter(shape: Shape, value: unknown): void {
  const known = resolved(shape);
  if (typeof value !== "object" || value === null) return;
  // Each cast holds because decoding made the value by this shape.
  if (known.kind === "object") applyDefaults(known, value as Record<string, unknown>);
  else if (known.kind === "list") for (const item of value as readonly unknown[]) enter(known.item, item);
  else if (known.kind === "map" && isQuantity(known.value)) roundUp(value as Record<string, string>);
  else if (known.kind === "map") for (const item of Object.values(value)) enter(known.value, item);
}

function isQuantity(shape: Shape): boolean {
  return shape.kind === "scalar" && shape.type === "quantity";
}

/** Amounts of resources are kept to a thousandth. */
function roundUp(amounts: Record<string, string>): void {
  for (const [name, amount] of Object.entries(amounts))
    if (amount.endsWith("n") || amount.endsWith("u"))
      amounts[name] = Quantity.of(Quantity.parse(amount).milliValue(), "DecimalSI", -3).toString();
}
