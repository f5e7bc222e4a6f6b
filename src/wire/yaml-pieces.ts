/**
 * YAML of large values, made piece by piece: what `formatYaml` gives for the whole, out of what it gives for parts that
 * take it a few milliseconds. Only long texts look otherwise: they stand in double quotes, as JSON writes them, since
 * finding their best form takes longer than anything else.
 */
import { own } from "#base/own.ts";
import { formatYaml, indentedLevelsMax } from "./yaml.ts";

// A value costs about as much as so many characters.
const valueCost = 50;
// Some 600 values, or so much text: about four milliseconds.
const costAtOnce = 32_768;

/** Work that may rest where it yields. @param costMax What is formatted at once. */
export function* formattingYaml(value: unknown, costMax = costAtOnce): Generator<undefined, string> {
  const writer = new PieceWriter(costMax);
  yield* writer.value(value, { first: "", rest: "", levels: indentedLevelsMax });
  return writer.parts.join("");
}

/** Where a value stands. */
interface Place {
  /** What stands before its first line, and before each further one. */
  readonly first: string;
  readonly rest: string;
  /** How many levels are still indented; what is deeper stands in one line. */
  readonly levels: number;
}

class PieceWriter {
  readonly parts: string[] = [];
  private readonly costMax: number;

  constructor(costMax: number) {
    this.costMax = costMax;
  }

  *value(value: unknown, place: Place): Generator<undefined, void> {
    if (this.costOf(value) <= this.costMax) this.put(formatYaml(value, place.levels), place);
    else if (typeof value === "string" || place.levels <= 0) this.put(quoted(value), place);
    else if (Array.isArray(value)) yield* this.list(value, place);
    // Holds: any object can be read by name, and a scalar that is no text costs little.
    else yield* this.members(value as Readonly<Record<string, unknown>>, place);
    yield;
  }

  private *list(items: readonly unknown[], { first, rest, levels }: Place): Generator<undefined, void> {
    let at = first;
    let batch: unknown[] = [];
    let cost = 0;
    for (const item of items) {
      const itemCost = this.costOf(item);
      if (batch.length > 0 && cost + itemCost > this.costMax) {
        this.put(formatYaml(batch, levels), { first: at, rest, levels });
        yield;
        at = rest;
        batch = [];
        cost = 0;
      }
      if (itemCost <= this.costMax) {
        batch.push(item);
        cost += itemCost;
        continue;
      }
      yield* this.value(item, { first: `${at}- `, rest: `${rest}  `, levels: levels - 1 });
      at = rest;
    }
    if (batch.length > 0) this.put(formatYaml(batch, levels), { first: at, rest, levels });
    yield;
  }

  private *members(object: Readonly<Record<string, unknown>>, place: Place): Generator<undefined, void> {
    const { rest, levels } = place;
    let at = place.first;
    let batch: [string, unknown][] = [];
    let cost = 0;
    for (const name of Object.keys(object).toSorted()) {
      const member = own(object, name);
      if (member === undefined) continue;
      const memberCost = this.costOf(member) + name.length;
      if (batch.length > 0 && cost + memberCost > this.costMax) {
        this.put(formatYaml(Object.fromEntries(batch), levels), { first: at, rest, levels });
        yield;
        at = rest;
        batch = [];
        cost = 0;
      }
      if (memberCost <= this.costMax) {
        batch.push([name, member]);
        cost += memberCost;
        continue;
      }
      yield* this.member(name, member, { first: at, rest, levels });
      at = rest;
    }
    if (batch.length > 0) this.put(formatYaml(Object.fromEntries(batch), levels), { first: at, rest, levels });
    yield;
  }

  /** A member that is too large to be formatted with others. */
  private *member(name: string, value: unknown, place: Place): Generator<undefined, void> {
    const { rest } = place;
    const levels = place.levels - 1;
    const key = formatYaml({ [name]: null });
    if (this.costOf(value) <= this.costMax && (typeof value !== "object" || value === null))
      this.put(formatYaml({ [name]: value }), place);
    else if (key.startsWith("? ")) {
      this.put(key.slice(0, -": null\n".length), place);
      yield* this.value(value, { first: `${rest}: `, rest: `${rest}  `, levels });
    } else {
      const inOneLine = typeof value === "string" || levels <= 0;
      this.put(key.slice(0, -" null\n".length), place, inOneLine ? " " : "\n");
      const deeper = Array.isArray(value) ? rest : `${rest}  `;
      yield* this.value(value, { first: inOneLine ? "" : deeper, rest: deeper, levels });
    }
  }

  /** @param end Stands in for the line feed that the text may end in. */
  private put(text: string, { first, rest }: Place, end = "\n"): void {
    const lines = text.endsWith("\n") ? text.slice(0, -1) : text;
    this.parts.push(first, rest === "" ? lines : lines.replaceAll(/\n(?=[^\n])/g, `\n${rest}`), end);
  }

  /** At most a little more than `costMax`: what is larger is looked at no further. */
  private costOf(value: unknown): number {
    return this.costMax - this.left(value, this.costMax);
  }

  private left(value: unknown, budget: number): number {
    let left = budget - valueCost;
    if (typeof value === "string") return left - value.length;
    if (typeof value !== "object" || value === null) return left;
    // Holds: any object, lists too, can be read by name.
    const members = value as Readonly<Record<string, unknown>>;
    for (const name in members) {
      if (left < 0) return left;
      left = this.left(members[name], left - name.length);
    }
    return left;
  }
}

/** JSON is YAML, but for what YAML does not take as it is. */
function quoted(value: unknown): string {
  const exact = (_: string, inner: unknown): unknown =>
    typeof inner === "bigint" ? JSON.rawJSON(String(inner)) : inner;
  return JSON.stringify(value, exact).replaceAll(
    /[\u007f-\u009f\u2028\u2029\ufeff]/g,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
