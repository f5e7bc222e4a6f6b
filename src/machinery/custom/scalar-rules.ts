/** What a schema may ask of a text or a number. */
import { invalid, tooLong, typeInvalid, type FieldError } from "../field-error.ts";
import { compilePattern, PatternError, type Pattern } from "../pattern.ts";
import type { JsonValue } from "../shape.ts";
import { tooLarge } from "../status.ts";
import { fitsFormat } from "./formats.ts";
import type { Schema } from "./schema.ts";

/** The JSON type of a value as schemas name it. */
export function typeName(value: JsonValue): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "bigint") return "integer";
  // What was written as an integer and fits 64 bits is safe or a bigint: the others were rounded.
  if (typeof value === "number") return Number.isSafeInteger(value) ? "integer" : "number";
  return typeof value;
}

export function wrongType(path: string, expected: string, found: string): FieldError {
  return typeInvalid(path, found, `${path} in body must be of type ${expected}: ${JSON.stringify(found)}`);
}

/** A value that is neither a list nor an object, and what expressions may still cost. */
interface Scalar {
  readonly path: string;
  readonly value: JsonValue;
  readonly work: PatternWork;
}

export function checkScalar(schema: Schema, { path, value, work }: Scalar): FieldError[] {
  if (typeof value === "string")
    return [
      ...checkText(schema, path, value),
      ...checkPattern(schema, { path, text: value, work }),
      ...checkFormat(schema, path, value),
    ];
  return typeof value === "number" || typeof value === "bigint" ? checkNumber(schema, path, value) : [];
}

function checkText({ maxLength, minLength }: Schema, path: string, text: string): FieldError[] {
  const errors: FieldError[] = [];
  const length = maxLength === undefined && minLength === undefined ? 0 : Array.from(text).length;
  if (maxLength !== undefined && length > maxLength) errors.push(tooLong(path, maxLength));
  if (minLength !== undefined && length < minLength)
    errors.push(invalid(path, text, `${path} in body should be at least ${minLength} chars long`));
  return errors;
}

function checkPattern(
  { pattern = "" }: Schema,
  { path, text, work }: { readonly path: string; readonly text: string; readonly work: PatternWork },
): FieldError[] {
  if (pattern === "" || work.fits(pattern, text)) return [];
  return [invalid(path, text, `${path} in body should match '${pattern}'`)];
}

// Differs from upstream: expressions may take so many steps for one object, about a quarter of a second. A megabyte of
// text fits an expression of fifty steps a character.
const stepsMax = 50_000_000;

/** Counts what the expressions of a schema cost while one object is checked. */
export class PatternWork {
  private steps = 0;

  /** @throws StatusError 413 when the object has cost too much. */
  fits(expression: string, text: string): boolean {
    const pattern = patternOf(expression);
    if (pattern === undefined) return true;
    this.steps += pattern.stepsPerCharacter * text.length;
    if (this.steps > stepsMax)
      throw tooLarge(
        `expected an object whose texts match the patterns of its schema in ${stepsMax} steps, found more: make the texts or the patterns shorter`,
      );
    return pattern.test(text);
  }
}

/** Undefined for an expression that cannot be read: definitions with one are refused, but for those that were stored before. */
function patternOf(expression: string): Pattern | undefined {
  try {
    return compilePattern(expression);
  } catch (error) {
    if (error instanceof PatternError) return undefined;
    throw error;
  }
}

function checkFormat({ format = "", type = "" }: Schema, path: string, text: string): FieldError[] {
  if (format === "" || (type !== "" && type !== "string") || fitsFormat(format, text)) return [];
  return [typeInvalid(path, text, `${path} in body must be of type ${format}: ${JSON.stringify(text)}`)];
}

const ranges: ReadonlyMap<string, readonly [number, number]> = new Map([
  ["int32", [-(2 ** 31), 2 ** 31 - 1]],
  ["int64", [-(2 ** 63), 2 ** 63]],
  ["float", [-3.402_823_466_385_288_6e38, 3.402_823_466_385_288_6e38]],
]);

function checkNumber(schema: Schema, path: string, value: number | bigint): FieldError[] {
  const { maximum, minimum, exclusiveMaximum = false, exclusiveMinimum = false, multipleOf, format = "" } = schema;
  const errors: FieldError[] = [];
  const refuse = (why: string): number => errors.push(invalid(path, value, `${path} in body should be ${why}`));
  const range = ranges.get(format);
  if (range && (value < range[0] || value > range[1]))
    errors.push(
      invalid("<nil>", "", `Checked value must be of type ${schema.type ?? ""} with format ${format} in ${path}`),
    );
  if (multipleOf !== undefined && multipleOf > 0 && !isMultiple(Number(value), multipleOf))
    refuse(`a multiple of ${multipleOf}`);
  if (maximum !== undefined && (value > maximum || (exclusiveMaximum && value >= maximum)))
    refuse(`less than ${exclusiveMaximum ? "" : "or equal to "}${maximum}`);
  if (minimum !== undefined && (value < minimum || (exclusiveMinimum && value <= minimum)))
    refuse(`greater than ${exclusiveMinimum ? "" : "or equal to "}${minimum}`);
  return errors;
}

function isMultiple(value: number, of: number): boolean {
  return Number.isInteger(Number((value / of).toPrecision(15)));
}
