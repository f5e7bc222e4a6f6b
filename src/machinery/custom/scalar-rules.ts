/** What a schema may ask of a text or a number. */
import { invalid, tooLong, typeInvalid, type FieldError } from "../field-error.ts";
import type { JsonValue } from "../shape.ts";
import { fitsFormat } from "./formats.ts";
import type { Schema } from "./schema.ts";

/** The JSON type of a value as schemas name it. */
export function typeName(value: JsonValue): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

export function wrongType(path: string, expected: string, found: string): FieldError {
  return typeInvalid(path, found, `${path} in body must be of type ${expected}: ${JSON.stringify(found)}`);
}

export function checkScalar(schema: Schema, path: string, value: JsonValue): FieldError[] {
  if (typeof value === "string") return [...checkText(schema, path, value), ...checkFormat(schema, path, value)];
  return typeof value === "number" ? checkNumber(schema, path, value) : [];
}

function checkText({ maxLength, minLength, pattern }: Schema, path: string, text: string): FieldError[] {
  const errors: FieldError[] = [];
  const length = maxLength === undefined && minLength === undefined ? 0 : Array.from(text).length;
  if (maxLength !== undefined && length > maxLength) errors.push(tooLong(path, maxLength));
  if (minLength !== undefined && length < minLength)
    errors.push(invalid(path, text, `${path} in body should be at least ${minLength} chars long`));
  if (pattern !== undefined && pattern !== "" && patternOf(pattern)?.test(text) === false)
    errors.push(invalid(path, text, `${path} in body should match '${pattern}'`));
  return errors;
}

// Patterns are few and tested often; a cluster with more than these compiles some of them anew.
const patternsMax = 1_000;
const patterns = new Map<string, RegExp | undefined>();

/** Undefined for a pattern that cannot be read, which a definition is refused for. */
export function patternOf(pattern: string): RegExp | undefined {
  if (patterns.has(pattern)) return patterns.get(pattern);
  if (patterns.size >= patternsMax) patterns.clear();
  const made = compiled(pattern);
  patterns.set(pattern, made);
  return made;
}

/** Go's syntax has flags in the pattern and a few names of its own; the rest is JavaScript's. */
function compiled(pattern: string): RegExp | undefined {
  const [, flags = "", rest = pattern] = /^\(\?([ims]+)\)([\s\S]*)$/.exec(pattern) ?? [];
  const translated = rest
    .replaceAll("\\A", "^")
    .replaceAll("\\z", "$")
    .replaceAll("(?P<", "(?<")
    .replaceAll(/\[\[:(\w+):\]\]/g, (whole, name: string) => `[${classes[name] ?? whole}]`);
  for (const unicode of ["u", ""]) {
    try {
      return new RegExp(translated, flags + unicode);
    } catch {
      // Without the flag more escapes are allowed, as they are in Go.
      continue;
    }
  }
  return undefined;
}

const classes: Readonly<Record<string, string>> = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  digit: "0-9",
  lower: "a-z",
  upper: "A-Z",
  space: "\\s",
  word: "\\w",
  xdigit: "0-9A-Fa-f",
};

function checkFormat({ format = "", type = "" }: Schema, path: string, text: string): FieldError[] {
  if (format === "" || (type !== "" && type !== "string") || fitsFormat(format, text)) return [];
  return [typeInvalid(path, text, `${path} in body must be of type ${format}: ${JSON.stringify(text)}`)];
}

const ranges: Readonly<Record<string, readonly [number, number]>> = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int64: [-(2 ** 63), 2 ** 63],
  float: [-3.402_823_466_385_288_6e38, 3.402_823_466_385_288_6e38],
};

function checkNumber(schema: Schema, path: string, value: number): FieldError[] {
  const { maximum, minimum, exclusiveMaximum = false, exclusiveMinimum = false, multipleOf, format = "" } = schema;
  const errors: FieldError[] = [];
  const refuse = (why: string): number => errors.push(invalid(path, value, `${path} in body should be ${why}`));
  const range = ranges[format];
  if (range && (value < range[0] || value > range[1]))
    errors.push(
      invalid("<nil>", "", `Checked value must be of type ${schema.type ?? ""} with format ${format} in ${path}`),
    );
  if (multipleOf !== undefined && multipleOf > 0 && !isMultiple(value, multipleOf))
    refuse(`a multiple of ${multipleOf}`);
  if (maximum !== undefined && (value > maximum || (exclusiveMaximum && value === maximum)))
    refuse(`less than ${exclusiveMaximum ? "" : "or equal to "}${maximum}`);
  if (minimum !== undefined && (value < minimum || (exclusiveMinimum && value === minimum)))
    refuse(`greater than ${exclusiveMinimum ? "" : "or equal to "}${minimum}`);
  return errors;
}

function isMultiple(value: number, of: number): boolean {
  return Number.isInteger(Number((value / of).toPrecision(15)));
}
