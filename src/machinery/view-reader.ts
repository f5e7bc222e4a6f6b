/**
 * Reads a view out of an object's stored bytes: what is not declared is passed over, neither decoded nor held, and what
 * many objects have alike is held once.
 */
import { Interned } from "./interned.ts";
import { setMember, type JsonDraft } from "./json-object.ts";
import { readWrittenJson } from "./json-reader.ts";
import { deepFreeze } from "./freeze.ts";
import type { KubeObject } from "./meta.ts";
import type { JsonValue } from "./shape.ts";
import type { FieldTree } from "./view.ts";

/** A declaration, for looking up names while reading. */
interface Plan {
  readonly fields: ReadonlyMap<string, Wanted>;
}

interface Wanted {
  /** Undefined for all of it. */
  readonly plan: Plan | undefined;
  /** Its values are its object's own: whoever looked for the same one elsewhere would look in vain. */
  readonly unlike: boolean;
}

const unlikeNames: ReadonlySet<string> = new Set([
  "name",
  "uid",
  "resourceVersion",
  "creationTimestamp",
  "deletionTimestamp",
  "generateName",
  "podIP",
  "podIPs",
  "startTime",
]);
// Fields of spec, status and metadata, and what is in them, are alike in many objects; the whole of them is not.
const likeDepth = 2;

const char = {
  space: 0x20,
  quote: 0x22,
  comma: 0x2c,
  colon: 0x3a,
  openBracket: 0x5b,
  backslash: 0x5c,
  closeBracket: 0x5d,
  openBrace: 0x7b,
  closeBrace: 0x7d,
} as const;

export class ViewReader {
  private readonly plan: Plan;
  private readonly interned: Interned;

  /** @param interned Shared by all who read in this thread. */
  constructor(fields: FieldTree, interned: Interned) {
    this.plan = planOf(fields);
    this.interned = interned;
  }

  /**
   * The view of an object, frozen.
   *
   * @param bytes JSON that was written by us; nothing says that the parts that are passed over are sound.
   * @throws SyntaxError, JsonError when what is read of it is not JSON
   */
  read(bytes: Uint8Array, resourceVersion: string): KubeObject {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    // Holds because only objects are stored.
    const made = new Reading(buffer, this.interned).all(this.plan) as unknown as KubeObject & {
      metadata: { resourceVersion?: string };
    };
    made.metadata.resourceVersion = resourceVersion;
    return deepFreeze(made);
  }
}

function planOf(fields: FieldTree): Plan {
  return {
    fields: new Map(
      Object.entries(fields).map(([name, inner]) => [
        name,
        { plan: inner === true ? undefined : planOf(inner), unlike: unlikeNames.has(name) },
      ]),
    ),
  };
}

/** One pass over one object's bytes. */
class Reading {
  private readonly bytes: Buffer;
  private readonly interned: Interned;
  private at = 0;

  constructor(bytes: Buffer, interned: Interned) {
    this.bytes = bytes;
    this.interned = interned;
  }

  all(plan: Plan): JsonValue {
    if (this.next() !== char.openBrace) throw this.wrong("an object");
    return this.object(plan, 1);
  }

  /** The code of the next byte that is not white space, which stays unread; undefined at the end. */
  private next(): number | undefined {
    let code = this.bytes[this.at];
    while (code !== undefined && code <= char.space) {
      this.at += 1;
      code = this.bytes[this.at];
    }
    return code;
  }

  private object(plan: Plan, depth: number): JsonValue {
    const made: JsonDraft = {};
    let left = plan.fields.size;
    this.at += 1;
    if (this.next() === char.closeBrace) return this.leave(made);
    for (;;) {
      const name = this.name();
      const wanted = plan.fields.get(name);
      if (wanted) {
        setMember(made, name, this.value(wanted, depth));
        left -= 1;
        // Nothing that comes after it is wanted, and nobody reads on behind the outermost object.
        if (left === 0 && depth === 1) return made;
      } else this.skip();
      const code = this.next();
      if (code === char.closeBrace) return this.leave(made);
      if (code !== char.comma) throw this.wrong("a comma");
      this.at += 1;
    }
  }

  private leave<T>(made: T): T {
    this.at += 1;
    return made;
  }

  /** Goes on behind the colon. */
  private name(): string {
    if (this.next() !== char.quote) throw this.wrong("a name");
    const start = this.at;
    this.skipString();
    const text = this.bytes.toString("utf8", start + 1, this.at - 1);
    if (this.next() !== char.colon) throw this.wrong("a colon");
    this.at += 1;
    // Holds because JSON of a string is a string.
    return text.includes("\\") ? (JSON.parse(`"${text}"`) as string) : text;
  }

  private value({ plan, unlike }: Wanted, depth: number): JsonValue {
    const code = this.next();
    if (!plan) return this.leaf(unlike);
    const start = this.at;
    const made = this.nested(plan, depth, code);
    if (made === undefined) return this.leaf(unlike);
    if (depth < likeDepth || unlike || this.at - start > Interned.textMax * 4) return made;
    return this.interned.made(JSON.stringify(made), made);
  }

  /** Undefined for what is neither object nor list. */
  private nested(plan: Plan, depth: number, code: number | undefined): JsonValue | undefined {
    if (code === char.openBrace) return this.object(plan, depth + 1);
    if (code !== char.openBracket) return undefined;
    const items: JsonValue[] = [];
    this.at += 1;
    if (this.next() === char.closeBracket) return this.leave(items);
    for (;;) {
      items.push(this.nested(plan, depth + 1, this.next()) ?? this.leaf(true));
      const after = this.next();
      if (after === char.closeBracket) return this.leave(items);
      if (after !== char.comma) throw this.wrong("a comma");
      this.at += 1;
    }
  }

  private leaf(unlike: boolean): JsonValue {
    const start = this.at;
    this.skip();
    const text = this.bytes.toString("utf8", start, this.at);
    return unlike ? readWrittenJson(text) : this.interned.read(text);
  }

  /** Passes over a value. */
  private skip(): void {
    const code = this.next();
    if (code === char.quote) return this.skipString();
    if (code === char.openBrace || code === char.openBracket) return this.skipNested();
    // A number, true, false or null: ends where anything else begins.
    const start = this.at;
    for (let byte = code; byte !== undefined && byte > char.space; byte = this.bytes[this.at]) {
      if (byte === char.comma || byte === char.closeBrace || byte === char.closeBracket) break;
      this.at += 1;
    }
    if (this.at === start) throw this.wrong("a value");
  }

  private skipNested(): void {
    const { bytes } = this;
    let depth = 0;
    let at = this.at;
    for (;;) {
      const code = bytes[at];
      if (code === undefined) throw this.wrong("the end of a value");
      if (code === char.quote) at = this.stringEnd(at);
      else {
        at += 1;
        if (code === char.openBrace || code === char.openBracket) depth += 1;
        else if (code === char.closeBrace || code === char.closeBracket) {
          depth -= 1;
          if (depth === 0) break;
        }
      }
    }
    this.at = at;
  }

  private skipString(): void {
    this.at = this.stringEnd(this.at);
  }

  /** Where the string that begins at a quote is over. */
  private stringEnd(quote: number): number {
    const { bytes } = this;
    for (let at = quote + 1; ; at += 1) {
      const code = bytes[at];
      if (code === char.quote) return at + 1;
      if (code === char.backslash) at += 1;
      else if (code === undefined) throw this.wrong("the end of a string");
    }
  }

  private wrong(expected: string): SyntaxError {
    return new SyntaxError(`expected ${expected} at byte ${this.at} of a stored object`);
  }
}
