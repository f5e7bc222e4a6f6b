/**
 * YAML of large values, made piece by piece: what `formatYaml` gives for the whole, out of what it gives for parts that
 * take it a few milliseconds. Only long texts look otherwise: they stand in double quotes, as JSON writes them, since
 * finding their best form takes longer than anything else.
 */
import { own } from "#base/own.ts";
import { formatYaml } from "./yaml.ts";

// A value costs about as much as so many characters.
const valueCost = 50;
// Some 600 values, or so much text: about four milliseconds.
const costAtOnce = 32_768;

/** Work that may rest where it yields. @param costMax What is formatted at once. */
export function* formattingYaml(value: unknown, costMax = costAtOnce): Generator<undefined, string> {
  const writer = new PieceWriter(costMax);
  yield* writer.value(value, { first: "", rest: "" });
  return writer.parts.join("");
}

/** What stands before the first line of a value, and before each further one. */
interface Indent {
  readonly first: string;
  readonly rest: string;
}

class PieceWriter {
  readonly parts: string[] = [];
  private readonly costMax: number;

  constructor(costMax: number) {
    this.costMax = costMax;
  }

  *value(value: unknown, indent: Indent): Generator<undefined, void> {
    if (this.costOf(value) <= this.costMax || typeof value !== "object" || value === null) {
      this.put(
        typeof value === "string" && value.length > this.costMax ? `${quoted(value)}\n` : formatYaml(value),
        indent,
      );
      yield;
    } else if (Array.isArray(value)) yield* this.list(value, indent);
    // Holds because every other object is read by name.
    else yield* this.members(value as Readonly<Record<string, unknown>>, indent);
  }

  private *list(items: readonly unknown[], { first, rest }: Indent): Generator<undefined, void> {
    let at = first;
    let batch: unknown[] = [];
    let cost = 0;
    for (const item of items) {
      const itemCost = this.costOf(item);
      if (batch.length > 0 && cost + itemCost > this.costMax) {
        this.put(formatYaml(batch), { first: at, rest });
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
      yield* this.value(item, { first: `${at}- `, rest: `${rest}  ` });
      at = rest;
    }
    if (batch.length > 0) this.put(formatYaml(batch), { first: at, rest });
    yield;
  }

  private *members(object: Readonly<Record<string, unknown>>, { first, rest }: Indent): Generator<undefined, void> {
    let at = first;
    let batch: [string, unknown][] = [];
    let cost = 0;
    for (const name of Object.keys(object).toSorted()) {
      const member = own(object, name);
      if (member === undefined) continue;
      const memberCost = this.costOf(member) + name.length;
      if (batch.length > 0 && cost + memberCost > this.costMax) {
        this.put(formatYaml(Object.fromEntries(batch)), { first: at, rest });
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
      yield* this.member(name, member, { first: at, rest });
      at = rest;
    }
    if (batch.length > 0) this.put(formatYaml(Object.fromEntries(batch)), { first: at, rest });
    yield;
  }

  /** A member that is too large to be formatted with others. */
  private *member(name: string, value: unknown, { first, rest }: Indent): Generator<undefined, void> {
    const isLongText = typeof value === "string" && value.length > this.costMax;
    if (!isLongText && (typeof value !== "object" || value === null))
      return this.put(formatYaml({ [name]: value }), { first, rest });
    const key = formatYaml({ [name]: null });
    if (key.startsWith("? ")) {
      this.put(key.slice(0, -": null\n".length), { first, rest });
      return yield* this.value(value, { first: `${rest}: `, rest: `${rest}  ` });
    }
    this.put(key.slice(0, -" null\n".length), { first, rest }, isLongText ? " " : "\n");
    const deeper = Array.isArray(value) ? rest : `${rest}  `;
    yield* this.value(value, { first: isLongText ? "" : deeper, rest: deeper });
  }

  /** @param text Ends in a line feed, which `end` stands in for. */
  private put(text: string, { first, rest }: Indent, end = "\n"): void {
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

/** JSON strings are YAML, but for what YAML does not take as it is. */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[\u007f-\u009f\u2028\u2029\ufeff]/g,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
