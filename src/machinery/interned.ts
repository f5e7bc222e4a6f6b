/** Values that many objects have alike - labels, owners, tolerations, names of nodes - held once, as long as they come again. */
import { deepFreeze } from "./freeze.ts";
import { readWrittenJson } from "./json-reader.ts";
import type { JsonValue } from "./shape.ts";

// Text of one generation. What was not asked for during two of them is forgotten, and made anew when it comes again.
const generationLengthMax = 1024 * 1024;
// What an entry takes beside its text and its value.
const entryLength = 64;

export class Interned {
  /** Longer JSON is seldom alike. */
  static readonly textMax = 4_096;

  // By its JSON.
  private young = new Map<string, JsonValue>();
  private old = new Map<string, JsonValue>();
  private youngLength = 0;

  get size(): number {
    return this.young.size + this.old.size;
  }

  /** What the JSON says, frozen. @throws SyntaxError, JsonError */
  read(text: string): JsonValue {
    if (text.length > Interned.textMax) return readWrittenJson(text);
    return this.known(text) ?? this.keep(text, readWrittenJson(text));
  }

  /** The value that is like `made`, of which this is the JSON: perhaps `made` itself. */
  made(text: string, made: JsonValue): JsonValue {
    if (text.length > Interned.textMax) return made;
    return this.known(text) ?? this.keep(text, made);
  }

  private known(text: string): JsonValue | undefined {
    const found = this.young.get(text);
    if (found !== undefined) return found;
    const before = this.old.get(text);
    return before === undefined ? undefined : this.keep(text, before);
  }

  private keep(text: string, value: JsonValue): JsonValue {
    if (this.youngLength > generationLengthMax) {
      this.old = this.young;
      this.young = new Map();
      this.youngLength = 0;
    }
    this.youngLength += text.length + entryLength;
    this.young.set(text, deepFreeze(value));
    return value;
  }
}
