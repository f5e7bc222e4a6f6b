/**
 * Reads JSON in one pass, as Kubernetes' decoder does: members that stand twice are found, integers of 64 bits are kept
 * exactly, what no floating number holds is refused, and nesting ends somewhere. The sentences are upstream's.
 *
 * @see https://pkg.go.dev/sigs.k8s.io/json
 */
import { own } from "#base/own.ts";
import { atOnce } from "#base/turns.ts";
import { int64Max, int64Min } from "./big-integers.ts";
import { isList, isObject, setMember, type JsonDraft } from "./json-object.ts";
import type { JsonValue } from "./shape.ts";
import { ValueCount } from "./value-count.ts";

/**
 * Differs from upstream: nesting is allowed to 1,000 levels, not 10,000, because every part that walks an object must
 * fit into the stack. No Kubernetes object comes near.
 */
const depthMax = 1_000;
// More duplicates than this say nothing new to anybody.
const duplicatesMax = 100;

/** Text that is no JSON. */
export class JsonError extends Error {
  override readonly name = "JsonError";
  /** Where the text stops being JSON, in characters. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** How numbers were written, where that is not how JavaScript writes them: `1.0`, `1e3`. */
export class Literals {
  // Lives as long as the request whose body it was.
  private readonly byHolder = new Map<object, Map<string | number, string>>();

  /** The text of the number that is the member `key` of `holder`, when it is another than its value's. */
  of(holder: object, key: string | number): string | undefined {
    return this.byHolder.get(holder)?.get(key);
  }

  note(place: { readonly holder: object; readonly key: string | number }, text: string): void {
    const known = this.byHolder.get(place.holder);
    if (known) known.set(place.key, text);
    else this.byHolder.set(place.holder, new Map([[place.key, text]]));
  }
}

export interface JsonRead {
  readonly value: JsonValue;
  /** `duplicate field "spec.a"` for each member that stands again, as far as a hundred. The last one counts. */
  readonly duplicates: readonly string[];
  /** Undefined when all numbers are written as JavaScript writes them. */
  readonly literals: Literals | undefined;
}

/** @throws JsonError */
export function readJson(text: string): JsonRead {
  return new JsonReader(text, undefined, depthMax).read();
}

/** The same for what a stranger sends. @throws JsonError, TooManyValuesError */
export function readForeignJson(text: string): JsonRead {
  return new JsonReader(text, new ForeignCounts(), depthMax).read();
}

// A fraction of a millisecond.
const valuesOfPiece = 2_000;

/** The same, in pieces. @throws JsonError, TooManyValuesError */
export function readingForeignJson(text: string): Generator<undefined, JsonRead> {
  return new JsonReader(text, new ForeignCounts(), depthMax).reading(valuesOfPiece);
}

// What the paths of a manager stand in, in metadata.managedFields.
const fieldSetKey = "fieldsV1";
// Levels that a field set stands below the object it is of, and its last one.
const levelsAboveSet = 5;

/** What is counted of a foreign object: it, and apart from it the field sets in it. */
class ForeignCounts {
  readonly object = new ValueCount();
  readonly sets = new ValueCount();
}

/** Counts a value that came by another way than `readForeignJson`. @throws TooManyValuesError */
export function checkCounts(value: JsonValue): void {
  const counts = new ForeignCounts();
  const walk = (at: JsonValue, count: ValueCount): void => {
    count.value();
    if (isList(at)) for (const inner of at) walk(inner, count);
    else if (isObject(at))
      for (const name in at) {
        const inner = at[name];
        if (inner === undefined) continue;
        count.member(name);
        walk(inner, name === fieldSetKey ? counts.sets : count);
      }
  };
  walk(value, counts.object);
}

/** True when a value is nested deeper than what a stranger sends may be. */
export function isTooDeep(value: JsonValue, levelsLeft = depthMax): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levelsLeft === 0) return true;
  if (isList(value)) return value.some((inner) => isTooDeep(inner, levelsLeft - 1));
  for (const name in value) {
    const inner = value[name];
    if (inner !== undefined && isTooDeep(inner, levelsLeft - 1)) return true;
  }
  return false;
}

// Shorter runs of digits are exact as numbers.
const manyDigits = /\d{16}/;

/**
 * What was written by `JSON.stringify` before: nothing but large integers needs a second look. It may be nested as it
 * likes: the field sets of an object are deeper than the object, and what was taken once is never refused again.
 *
 * @throws SyntaxError, JsonError
 */
export function readWrittenJson(text: string): JsonValue {
  if (manyDigits.test(text)) return new JsonReader(text, undefined, Number.POSITIVE_INFINITY).read().value;
  // Holds because JSON.parse makes nothing else.
  return JSON.parse(text) as JsonValue;
}

/** The same, in pieces, which takes longer by half. @throws JsonError */
export function* readingWrittenJson(text: string): Generator<undefined, JsonValue> {
  const { value } = yield* new JsonReader(text, undefined, Number.POSITIVE_INFINITY).reading(valuesOfPiece);
  return value;
}

const hexadecimal = /^[0-9a-fA-F]$/;
// Digits, with a sign, that are exact as a number; and those that 64 bits may have.
const exactLength = 15;
const integerLengthMax = 20;

const char = {
  tab: 0x09,
  lineFeed: 0x0a,
  carriageReturn: 0x0d,
  space: 0x20,
  quote: 0x22,
  plus: 0x2b,
  comma: 0x2c,
  minus: 0x2d,
  dot: 0x2e,
  zero: 0x30,
  nine: 0x39,
  colon: 0x3a,
  openBracket: 0x5b,
  backslash: 0x5c,
  closeBracket: 0x5d,
  e: 0x65,
  f: 0x66,
  n: 0x6e,
  t: 0x74,
  openBrace: 0x7b,
  closeBrace: 0x7d,
} as const;

/** A collection that is being read. */
interface Open {
  readonly made: JsonDraft | JsonValue[];
  /** Of the member, or the place of the item, that is being read. */
  key: string | number;
  readonly inSet: boolean;
}

function isItems(made: Open["made"]): made is JsonValue[] {
  return Array.isArray(made);
}

/** Keeps what is open in a list of its own, not on the stack: between two values it can stop, and go on later. */
class JsonReader {
  private readonly text: string;
  private at = 0;
  /** Outermost first. */
  private readonly open: Open[] = [];
  private innermost: Open | undefined = undefined;
  private readonly duplicates: string[] = [];
  private literals: Literals | undefined = undefined;
  private readonly counts: ForeignCounts | undefined;
  // That of what is being read; undefined where nothing is counted.
  private count: ValueCount | undefined;
  private readonly levelsMax: number;
  private inSet = false;

  constructor(text: string, counts: ForeignCounts | undefined, levelsMax: number) {
    this.text = text;
    this.levelsMax = levelsMax;
    this.counts = counts;
    this.count = counts?.object;
  }

  read(): JsonRead {
    return atOnce(this.reading(Number.POSITIVE_INFINITY));
  }

  /** Rests after so many values. */
  *reading(valuesMaxAtOnce: number): Generator<undefined, JsonRead> {
    let left = valuesMaxAtOnce;
    for (;;) {
      const begun = this.begin();
      if (begun !== undefined) {
        const value = this.finish(begun);
        if (value !== undefined) return { value, duplicates: this.duplicates, literals: this.literals };
      }
      left -= 1;
      if (left > 0) continue;
      left = valuesMaxAtOnce;
      yield;
    }
  }

  /** The code of the next character that is not white space, which stays unread; NaN at the end. */
  private next(): number {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code > char.space || Number.isNaN(code)) return code;
      if (code !== char.space && code !== char.lineFeed && code !== char.tab && code !== char.carriageReturn)
        return code;
      this.at += 1;
    }
  }

  /** Reads a value that is no collection, or an empty one; undefined for one whose first value comes next. */
  private begin(): JsonValue | undefined {
    const code = this.next();
    this.count?.value();
    switch (code) {
      case char.quote:
        return this.string();
      case char.openBrace:
        return this.object();
      case char.openBracket:
        return this.list();
      case char.t:
        return this.word("true", true);
      case char.f:
        return this.word("false", false);
      case char.n:
        return this.word("null", null);
      default:
        if (code === char.minus || (code >= char.zero && code <= char.nine)) return this.number();
        throw this.wrong("looking for beginning of value");
    }
  }

  /** Puts a value into its collection, and that into its own as far as it ends there. The whole when nothing is left. */
  private finish(begun: JsonValue): JsonValue | undefined {
    for (let value = begun; ;) {
      const inner = this.innermost;
      if (!inner) {
        if (!Number.isNaN(this.next())) throw this.wrong("after top-level value");
        return value;
      }
      const { made } = inner;
      if (inner.inSet !== this.inSet) this.countFor(inner.inSet);
      if (!(isItems(made) ? this.item(inner, made, value) : this.member(inner, made, value))) return undefined;
      this.at += 1;
      this.open.pop();
      this.innermost = this.open.at(-1);
      value = made;
    }
  }

  /** True when it was the last. */
  private item(inner: Open, made: JsonValue[], value: JsonValue): boolean {
    made.push(value);
    const code = this.next();
    if (code === char.closeBracket) return true;
    if (code !== char.comma) throw this.wrong("after array element");
    this.at += 1;
    inner.key = made.length;
    return false;
  }

  /** True when it was the last. */
  private member(inner: Open, made: JsonDraft, value: JsonValue): boolean {
    setMember(made, String(inner.key), value);
    const code = this.next();
    if (code === char.closeBrace) return true;
    if (code !== char.comma) throw this.wrong("after object key:value pair");
    this.at += 1;
    this.name(inner, made);
    return false;
  }

  private object(): JsonValue | undefined {
    const made: JsonDraft = {};
    this.enter();
    if (this.next() === char.closeBrace) return this.leave(made);
    this.name(this.into(made, ""), made);
    return undefined;
  }

  private list(): JsonValue | undefined {
    const made: JsonValue[] = [];
    this.enter();
    if (this.next() === char.closeBracket) return this.leave(made);
    this.into(made, 0);
    return undefined;
  }

  private enter(): void {
    this.at += 1;
    const levelsMax = this.inSet ? this.levelsMax + levelsAboveSet : this.levelsMax;
    if (this.open.length >= levelsMax) throw new JsonError("exceeded max depth", this.at);
  }

  /** Goes on behind the end of a collection. */
  private leave<T>(made: T): T {
    this.at += 1;
    return made;
  }

  private into(made: Open["made"], key: string | number): Open {
    const inner = { made, key, inSet: this.inSet };
    this.open.push(inner);
    this.innermost = inner;
    return inner;
  }

  /** Reads the name of a member, up to its value. */
  private name(inner: Open, made: JsonDraft): void {
    if (this.next() !== char.quote) throw this.wrong("looking for beginning of object key string");
    const name = this.string();
    this.count?.member(name);
    if (this.next() !== char.colon) throw this.wrong("after object key");
    this.at += 1;
    if (own(made, name) !== undefined) this.noteDuplicate(name);
    inner.key = name;
    if (name === fieldSetKey) this.countFor(true);
  }

  /** A field set is as long as the object it is of, so that what could be written can be sent back. */
  private countFor(inSet: boolean): void {
    this.inSet = inSet;
    this.count = inSet ? this.counts?.sets : this.counts?.object;
  }

  private word<T>(word: string, value: T): T {
    if (this.text.startsWith(word, this.at)) {
      this.at += word.length;
      return value;
    }
    const start = this.at;
    while (this.text[this.at] === word[this.at - start]) this.at += 1;
    throw this.wrong(`in literal ${word} (expecting '${word[this.at - start] ?? ""}')`);
  }

  private string(): string {
    const { text } = this;
    const start = this.at + 1;
    for (let at = start; ; at += 1) {
      const code = text.charCodeAt(at);
      if (code === char.quote) {
        this.at = at + 1;
        return text.slice(start, at);
      }
      if (code === char.backslash) return this.escaped(start, at);
      if (!(code >= char.space)) {
        this.at = at;
        throw this.wrong("in string literal");
      }
    }
  }

  /** A string with an escape in it, the first at `from`. */
  private escaped(start: number, from: number): string {
    const { text } = this;
    let end = text.indexOf('"', from);
    while (end >= 0 && this.isEscaped(end)) end = text.indexOf('"', end + 1);
    try {
      // Holds because a JSON string is a string. Half a surrogate pair is no character, and none is kept.
      const string = (JSON.parse(text.slice(start - 1, end + 1)) as string).toWellFormed();
      this.at = end + 1;
      return string;
    } catch {
      throw this.wrongString(from);
    }
  }

  /** Whether the character stands behind an odd number of backslashes. */
  private isEscaped(at: number): boolean {
    let first = at;
    while (this.text.charCodeAt(first - 1) === char.backslash) first -= 1;
    return (at - first) % 2 === 1;
  }

  /** What is wrong with a string, behind its first escape. */
  private wrongString(from: number): JsonError {
    for (this.at = from; ;) {
      const code = this.text.charCodeAt(this.at);
      if (!(code >= char.space)) return this.wrong("in string literal");
      this.at += code === char.backslash ? this.escapeLength(this.at) : 1;
    }
  }

  private escapeLength(at: number): number {
    const letter = this.text[at + 1] ?? "";
    this.at = at + 1;
    if (letter === "" || !'"\\/bfnrtu'.includes(letter)) throw this.wrong("in string escape code");
    if (letter !== "u") return 2;
    for (this.at = at + 2; this.at < at + 6; this.at += 1)
      if (!hexadecimal.test(this.text[this.at] ?? "")) throw this.wrong("in \\u hexadecimal character escape");
    return 6;
  }

  private number(): JsonValue {
    const { text } = this;
    const start = this.at;
    if (text.charCodeAt(this.at) === char.minus) this.at += 1;
    if (text.charCodeAt(this.at) === char.zero) this.at += 1;
    else this.digits();
    let whole = true;
    if (text.charCodeAt(this.at) === char.dot) {
      whole = false;
      this.at += 1;
      this.digits("after decimal point in numeric literal");
    }
    // The bit 0x20 apart: "e" and "E".
    if ((text.charCodeAt(this.at) | 0x20) === char.e) {
      whole = false;
      this.at += 1;
      const sign = text.charCodeAt(this.at);
      if (sign === char.plus || sign === char.minus) this.at += 1;
      this.digits("in exponent of numeric literal");
    }
    const literal = text.slice(start, this.at);
    if (whole && literal.length <= exactLength) return literal === "-0" ? 0 : Number(literal);
    return this.longNumber(literal, whole);
  }

  private digits(where = "in numeric literal"): void {
    const start = this.at;
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (!(code >= char.zero && code <= char.nine)) break;
      this.at += 1;
    }
    if (this.at === start) throw this.wrong(where);
  }

  private longNumber(literal: string, whole: boolean): JsonValue {
    const value = Number(literal);
    if (!Number.isFinite(value))
      throw new JsonError(`json: cannot unmarshal number ${literal} into Go value of type float64`, this.at);
    if (whole && !Number.isSafeInteger(value) && literal.length <= integerLengthMax) {
      const exact = BigInt(literal);
      if (exact >= int64Min && exact <= int64Max) return exact;
    }
    if (String(value) !== literal && this.innermost) {
      const { made: holder, key } = this.innermost;
      (this.literals ??= new Literals()).note({ holder, key }, literal);
    }
    return value;
  }

  private noteDuplicate(name: string): void {
    if (this.duplicates.length >= duplicatesMax) return;
    let path = "";
    // The outermost collection has no name.
    for (const step of [...this.open.slice(0, -1).map(({ key }) => key), name])
      path += typeof step === "number" ? `[${step}]` : path === "" ? step : `.${step}`;
    this.duplicates.push(`duplicate field "${path}"`);
  }

  private wrong(where: string): JsonError {
    const code = this.text.codePointAt(this.at);
    if (code === undefined) return new JsonError("unexpected end of JSON input", this.at);
    return new JsonError(`invalid character ${quoted(String.fromCodePoint(code))} ${where}`, this.at);
  }
}

/** A character as Go quotes it. */
function quoted(character: string): string {
  if (character === "'") return String.raw`'\''`;
  if (character === '"') return `'"'`;
  return `'${JSON.stringify(character).slice(1, -1)}'`;
}
