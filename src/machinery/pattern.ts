/**
 * Expressions that users write, in Go's syntax, on an engine whose time grows with the text and never faster. No other
 * file makes an expression of a text it did not write itself.
 *
 * @see https://github.com/google/re2/wiki/Syntax
 */
import { RE2JS, RE2JSSyntaxException } from "re2js";

/** A text that is no expression. The sentences are Go's. */
export class PatternError extends Error {
  override readonly name = "PatternError";
}

export interface Pattern {
  /** True when the expression matches anywhere in the text. */
  test(text: string): boolean;
  /** Steps that `test` takes at most for each character. */
  readonly stepsPerCharacter: number;
}

// Expressions are few and tested often; a compiled one takes some hundred bytes a character.
const keptLengthMax = 200_000;
let kept = new Map<string, Pattern | PatternError>();
let keptLength = 0;

/** @throws PatternError */
export function compilePattern(expression: string): Pattern {
  const found = kept.get(expression) ?? keep(expression);
  if (found instanceof PatternError) throw found;
  return found;
}

function keep(expression: string): Pattern | PatternError {
  const made = compiled(expression);
  if (keptLength + expression.length > keptLengthMax) {
    kept = new Map();
    keptLength = 0;
  }
  kept.set(expression, made);
  keptLength += expression.length;
  return made;
}

function compiled(expression: string): Pattern | PatternError {
  try {
    const program = RE2JS.compile(expression);
    return { test: (text) => program.test(text), stepsPerCharacter: program.programSize() };
  } catch (error) {
    if (error instanceof RE2JSSyntaxException) return new PatternError(error.message);
    throw error;
  }
}

/** What the expressions of one definition may take to compile, in units of about two microseconds. */
export const patternWorkMax = 25_000;

// Found by measuring: a class of Unicode, and a range beyond ASCII that is to match in either case.
const unicodeClassWork = 50;
const foldedRangeWork = 1_500;

/** The work of compiling these, each counted once; counted no further than a bit above `patternWorkMax`. */
export function patternWork(expressions: Iterable<string>): number {
  let work = 0;
  for (const expression of new Set(expressions)) {
    work += writtenWork(expression);
    if (work > patternWorkMax) return work;
    work += sizeOf(expression);
    if (work > patternWorkMax) return work;
  }
  return work;
}

/** What can be told before an expression is compiled. */
function writtenWork(expression: string): number {
  const classes = expression.match(/\\[pP]|\[:/g)?.length ?? 0;
  const folds = /\(\?[a-zA-Z]*i/.test(expression) && /\\x|[^\0-\x7f]/.test(expression);
  const ranges = folds ? expression.split("-").length - 1 : 0;
  return expression.length + classes * unicodeClassWork + ranges * foldedRangeWork;
}

/** Repetitions are written out. An expression that is none takes no room. */
function sizeOf(expression: string): number {
  try {
    return compilePattern(expression).stepsPerCharacter;
  } catch (error) {
    if (error instanceof PatternError) return 0;
    throw error;
  }
}
