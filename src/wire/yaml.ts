/**
 * YAML as Kubernetes reads it: YAML 1.1 words for booleans, Go's integers, string keys, and nothing that JSON could not
 * say. Dates, sexagesimals and infinities stay strings.
 *
 * @see https://pkg.go.dev/sigs.k8s.io/yaml
 */
import {
  boolYaml11Tag,
  constructFromEvents,
  CORE_SCHEMA,
  defineScalarTag,
  dump,
  DUMP_SCHEMA,
  EVENT_ID,
  getScalarValue,
  intCoreTag,
  intYaml11Tag,
  mergeTag,
  NOT_RESOLVED,
  parseEvents,
  YAMLException,
} from "js-yaml";

/** Text that is no YAML. The message ends with the line, counted from 1. */
export class YamlError extends Error {
  override readonly name = "YamlError";
  readonly line: number;

  constructor(line: number, reason: string) {
    super(`yaml: line ${line}: ${reason}`);
    this.line = line;
  }
}

/** A part of a file between two lines of dashes. */
export interface YamlDocument {
  readonly text: string;
  /** The line of the file it begins on, from 1. */
  readonly firstLine: number;
}

export interface DuplicateKey {
  readonly key: string;
  readonly line: number;
}

const depthMax = 1_000;
// Nodes after aliases have been written out: a few short lines can name billions.
const nodesMax = 400_000;

// The digits Go's strconv.ParseInt takes with base 0, once underscores are gone.
const integer = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[oO]?([0-7]+)|0[bB]([01]+)|(0|[1-9][0-9]*))$/;
const float = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
// What Kubernetes keeps as an integer; beyond, it has a floating number.
const integerMin = -(2n ** 63n);
const integerMax = 2n ** 63n - 1n;
const numberStarts = "-+0123456789".split("");

const intTag = defineScalarTag<number | bigint>("tag:yaml.org,2002:int", {
  implicit: true,
  implicitFirstChars: numberStarts,
  resolve: (source) => {
    const match = integer.exec(source.replaceAll("_", ""));
    if (!match) return NOT_RESOLVED;
    const [, sign, hexadecimal, octal, binary, decimal = ""] = match;
    const digits = hexadecimal ?? octal ?? binary ?? decimal;
    const base = hexadecimal ? 16 : octal ? 8 : binary ? 2 : 10;
    const value = (sign === "-" ? -1 : 1) * Number.parseInt(digits, base);
    // A size check first: of a number with a million digits no other is made.
    if (Number.isSafeInteger(value) || Math.abs(value) > 2 ** 63) return value;
    const size = BigInt(hexadecimal ? `0x${digits}` : octal ? `0o${digits}` : binary ? `0b${digits}` : digits);
    const exact = sign === "-" ? -size : size;
    return exact < integerMin || exact > integerMax ? value : exact;
  },
  identify: (value) => Number.isInteger(value),
});

const floatTag = defineScalarTag<number>("tag:yaml.org,2002:float", {
  implicit: true,
  implicitFirstChars: [...numberStarts, "."],
  resolve: (source) => {
    const plain = source.replaceAll("_", "");
    return float.test(plain) && Number.isFinite(Number(plain)) ? Number(plain) : NOT_RESOLVED;
  },
  identify: (value) => typeof value === "number",
});

const schema = CORE_SCHEMA.withTags(boolYaml11Tag, intTag, floatTag, mergeTag);

// A text that either YAML 1.1 or 1.2 would read as an integer is quoted.
const writtenIntTag = defineScalarTag<number>("tag:yaml.org,2002:int", {
  implicit: true,
  implicitFirstChars: numberStarts,
  resolve: (source, isExplicit, tagName) => {
    const read = intYaml11Tag.resolve(source, isExplicit, tagName);
    return read === NOT_RESOLVED ? intCoreTag.resolve(source, isExplicit, tagName) : read;
  },
  identify: (value) => typeof value === "bigint" || intYaml11Tag.identify(value),
});
const dumpSchema = DUMP_SCHEMA.withTags(writtenIntTag);

/**
 * The value of one document, null when it is empty. A key that stands twice has its last value. Integers that a number
 * does not hold exactly are bigints, as far as Go's 64 bits go.
 *
 * @throws YamlError
 */
export function parseYaml(document: string | YamlDocument): unknown {
  const { text, firstLine } = typeof document === "string" ? { text: document, firstLine: 1 } : document;
  return valueOf(text, eventsOf(text, firstLine), firstLine);
}

/** A value, and every key that stands a second time in its mapping, in order; at most a hundred. @throws YamlError */
export function parseYamlStrictly(text: string): {
  readonly value: unknown;
  readonly duplicates: readonly DuplicateKey[];
} {
  const events = eventsOf(text, 1);
  return { value: valueOf(text, events, 1), duplicates: duplicatesIn(text, events) };
}

function valueOf(text: string, events: Events, firstLine: number): unknown {
  try {
    const documents = constructFromEvents(events, { source: text, schema, json: true });
    const [value = null, ...more] = documents;
    if (more.some((document) => document !== null))
      throw new YamlError(firstLine, "expected a single document in the stream, but found more");
    // Only an alias can make one value stand in two places.
    return text.includes("*") ? written(value, { left: nodesMax }) : value;
  } catch (error) {
    throw lineOf(error, firstLine);
  }
}

/** The documents of a file. Each can be parsed by itself, so that a broken one does not hide the others. */
export function splitYaml(text: string): YamlDocument[] {
  const documents: YamlDocument[] = [];
  let lines: string[] = [];
  let firstLine = 1;
  const finish = (): void => {
    if (lines.some(saysSomething)) documents.push({ text: lines.join("\n"), firstLine });
  };
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    if (!/^---(?:\s|$)/.test(line)) {
      lines.push(line);
      continue;
    }
    finish();
    // What follows the dashes belongs to the new document.
    const rest = line.slice(3);
    lines = [saysSomething(rest) ? rest : ""];
    firstLine = at + 1;
  }
  finish();
  return documents;
}

function saysSomething(line: string): boolean {
  const words = line.trimStart();
  return words !== "" && !words.startsWith("#");
}

// More of them say nothing new to anybody.
const duplicatesMax = 100;

function duplicatesIn(text: string, events: Events): readonly DuplicateKey[] {
  // One entry a collection that is open: the keys of a mapping so far, undefined for a sequence.
  const open: ({ readonly keys: Set<string>; keyNext: boolean } | undefined)[] = [];
  const found: DuplicateKey[] = [];
  const lines = new LineCounter(text);
  const valueDone = (): void => {
    const mapping = open.at(-1);
    if (mapping) mapping.keyNext = !mapping.keyNext;
  };
  for (const event of events) {
    switch (event.type) {
      case EVENT_ID.MAPPING:
        open.push({ keys: new Set(), keyNext: true });
        break;
      case EVENT_ID.SEQUENCE:
      case EVENT_ID.DOCUMENT:
        open.push(undefined);
        break;
      case EVENT_ID.POP:
        open.pop();
        valueDone();
        break;
      case EVENT_ID.ALIAS:
        valueDone();
        break;
      case EVENT_ID.SCALAR: {
        const mapping = open.at(-1);
        const key = mapping?.keyNext ? getScalarValue(text, event) : undefined;
        if (key !== undefined && mapping?.keys.has(key) && found.length < duplicatesMax)
          found.push({ key, line: lines.at(event.valueStart) });
        if (key !== undefined) mapping?.keys.add(key);
        valueDone();
      }
    }
  }
  return found;
}

/** Counts lines up to positions that only grow: each character is looked at once. */
class LineCounter {
  private readonly text: string;
  private line = 1;
  private nextBreak: number;

  constructor(text: string) {
    this.text = text;
    this.nextBreak = text.indexOf("\n");
  }

  /** The line that `position` is on, from 1. */
  at(position: number): number {
    while (this.nextBreak >= 0 && this.nextBreak < position) {
      this.line += 1;
      this.nextBreak = this.text.indexOf("\n", this.nextBreak + 1);
    }
    return this.line;
  }
}

// Indented lines of deep values take the square of their depth, and time by the cube: what is deeper stands in one line.
export const indentedLevelsMax = 32;

/**
 * A value as YAML in the form of Go's encoder: keys sorted, sequences not indented, no anchors.
 *
 * Differs from upstream: what is nested deeper than 32 levels is written as `{a: [b]}`, in one line.
 *
 * @param levels Where the value stands in a larger one: how many more are indented.
 */
export function formatYaml(value: unknown, levels = indentedLevelsMax): string {
  return dump(value, {
    schema: dumpSchema,
    flowLevel: levels,
    seqNoIndent: true,
    lineWidth: -1,
    noRefs: true,
    sortKeys: true,
    skipInvalid: true,
  });
}

type Events = ReturnType<typeof parseEvents>;

function eventsOf(text: string, firstLine: number): Events {
  try {
    return parseEvents(text, { maxDepth: depthMax });
  } catch (error) {
    throw lineOf(error, firstLine);
  }
}

/** A copy in which every value stands once. Aliases may lead deeper than the text does, and round in a circle. */
function written(value: unknown, budget: { left: number }, levelsLeft = depthMax): unknown {
  budget.left -= 1;
  if (budget.left < 0) throw new YamlError(1, `expected at most ${nodesMax} values, found more behind aliases`);
  if (typeof value !== "object" || value === null) return value;
  if (levelsLeft === 0) throw new YamlError(1, `expected at most ${depthMax} levels, found more behind aliases`);
  if (Array.isArray(value)) return value.map((item) => written(item, budget, levelsLeft - 1));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, written(item, budget, levelsLeft - 1)]));
}

function lineOf(error: unknown, firstLine: number): unknown {
  return error instanceof YAMLException ? new YamlError((error.mark?.line ?? 0) + firstLine, error.reason) : error;
}
