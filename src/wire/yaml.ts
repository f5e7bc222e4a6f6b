/**
 * YAML as Kubernetes reads it: YAML 1.1 words for booleans, Go's integers, string keys, and nothing that JSON could not
 * say. Dates, sexagesimals and infinities stay strings.
 *
 * @see https://pkg.go.dev/sigs.k8s.io/yaml
 */
import {
  boolYaml11Tag,
  CORE_SCHEMA,
  defineScalarTag,
  dump,
  EVENT_ID,
  getScalarValue,
  load,
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
const numberStarts = "-+0123456789".split("");

const intTag = defineScalarTag<number>("tag:yaml.org,2002:int", {
  implicit: true,
  implicitFirstChars: numberStarts,
  resolve: (source) => {
    const match = integer.exec(source.replaceAll("_", ""));
    if (!match) return NOT_RESOLVED;
    const [, sign, hexadecimal, octal, binary, decimal = ""] = match;
    const digits = hexadecimal ?? octal ?? binary ?? decimal;
    const base = hexadecimal ? 16 : octal ? 8 : binary ? 2 : 10;
    return (sign === "-" ? -1 : 1) * Number.parseInt(digits, base);
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

/**
 * The value of one document, null when it is empty. A key that stands twice has its last value.
 *
 * @throws YamlError
 */
export function parseYaml(document: string | YamlDocument): unknown {
  const { text, firstLine } = typeof document === "string" ? { text: document, firstLine: 1 } : document;
  // js-yaml refuses an empty document; in Kubernetes it is null.
  if (/^(?:\s*(?:#.*|---.*)?\n)*\s*(?:#.*|---\s*)?$/.test(text)) return null;
  try {
    const value = load(text, { schema, json: true, maxDepth: depthMax });
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
    const document = lines.join("\n");
    if (/\S/.test(document.replaceAll(/^\s*#.*$/gm, ""))) documents.push({ text: document, firstLine });
  };
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    if (!/^---(?:\s|$)/.test(line)) {
      lines.push(line);
      continue;
    }
    finish();
    // What follows the dashes belongs to the new document.
    lines = [line.slice(3).replace(/^\s*#.*$/, "")];
    firstLine = at + 1;
  }
  finish();
  return documents;
}

/** Every key that stands a second time in its mapping, in order. @throws YamlError */
export function duplicateYamlKeys(text: string): DuplicateKey[] {
  // One entry a collection that is open: the keys of a mapping so far, undefined for a sequence.
  const open: ({ readonly keys: Set<string>; keyNext: boolean } | undefined)[] = [];
  const found: DuplicateKey[] = [];
  const valueDone = (): void => {
    const mapping = open.at(-1);
    if (mapping) mapping.keyNext = !mapping.keyNext;
  };
  for (const event of eventsOf(text)) {
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
        if (key !== undefined && mapping?.keys.has(key)) {
          found.push({ key, line: text.slice(0, event.valueStart).split("\n").length });
        }
        if (key !== undefined) mapping?.keys.add(key);
        valueDone();
      }
    }
  }
  return found;
}

/** A value as YAML in the form of Go's encoder: keys sorted, sequences not indented, no anchors. */
export function formatYaml(value: unknown): string {
  return dump(value, { seqNoIndent: true, lineWidth: -1, noRefs: true, sortKeys: true, skipInvalid: true });
}

function eventsOf(text: string): ReturnType<typeof parseEvents> {
  try {
    return parseEvents(text, { maxDepth: depthMax });
  } catch (error) {
    throw lineOf(error, 1);
  }
}

/** A copy in which every value stands once. */
function written(value: unknown, budget: { left: number }): unknown {
  budget.left -= 1;
  if (budget.left < 0) throw new YamlError(1, `expected at most ${nodesMax} values, found more behind aliases`);
  if (Array.isArray(value)) return value.map((item) => written(item, budget));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, written(item, budget)]));
}

function lineOf(error: unknown, firstLine: number): unknown {
  return error instanceof YAMLException ? new YamlError((error.mark?.line ?? 0) + firstLine, error.reason) : error;
}
