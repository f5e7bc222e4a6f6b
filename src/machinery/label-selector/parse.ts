/** The grammar of label selectors as text, with upstream's sentences for what it does not understand. */
import { own } from "#base/own.ts";
import { invalid } from "../field-error.ts";
import { qualifiedName } from "../names.ts";
import { badRequest, StatusError } from "../status.ts";
import { checked, type LabelOperator, type LabelRequirement } from "./requirement.ts";

interface Token {
  /** "word", "end", "error", or the token itself. */
  readonly kind: string;
  readonly text: string;
}

const end: Token = { kind: "end", text: "" };
const binaryOperators: Readonly<Record<string, LabelOperator>> = {
  in: "in",
  notin: "notin",
  "=": "=",
  "==": "==",
  "!=": "!=",
  ">": "gt",
  "<": "lt",
};

/** @throws StatusError 400 */
export function parseRequirements(text: string): readonly LabelRequirement[] {
  const parser = new Parser(tokensOf(text));
  const requirements: LabelRequirement[] = [];
  for (;;) {
    const first = parser.peek();
    if (first.kind === "end") return requirements;
    if (first.kind !== "word" && first.kind !== "!")
      throw badRequest(`found '${first.text}', expected: !, identifier, or 'end of string'`);
    requirements.push(parseRequirement(parser));
    const next = parser.take();
    if (next.kind === "end") return requirements;
    if (next.kind !== ",") throw badRequest(`found '${next.text}', expected: ',' or 'end of string'`);
    const following = parser.peek();
    if (following.kind !== "word" && following.kind !== "!")
      throw badRequest(`found '${following.text}', expected: identifier after ','`);
  }
}

function tokensOf(text: string): Token[] {
  const words = text.match(/==|!=|[=!(),<>]|[^\s=!(),<>]+/g) ?? [];
  return words.map((word) => ({ kind: /^[=!(),<>]/.test(word) ? word : "word", text: word }));
}

class Parser {
  private readonly tokens: readonly Token[];
  private at = 0;

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
  }

  peek(): Token {
    return this.tokens[this.at] ?? end;
  }

  take(): Token {
    const token = this.peek();
    this.at += 1;
    return token;
  }
}

function parseRequirement(parser: Parser): LabelRequirement {
  try {
    const negated = parser.peek().kind === "!";
    if (negated) parser.take();
    const key = parser.take();
    if (key.kind !== "word") throw badRequest(`found '${key.text}', expected: identifier`);
    const problems = qualifiedName(key.text);
    if (problems.length > 0) {
      // The path has no name here, which upstream prints as "<nil>".
      throw badRequest(`<nil>: ${invalid("", key.text, problems.join("; ")).message}`);
    }
    if (negated) return checked(key.text, "!", []);
    if (["end", ","].includes(parser.peek().kind)) return checked(key.text, "exists", []);
    const operator = parseOperator(parser);
    const values = operator === "in" || operator === "notin" ? parseValues(parser) : parseExactValue(parser);
    return checked(key.text, operator, values);
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    throw badRequest(`unable to parse requirement: ${error.message}`);
  }
}

function parseOperator(parser: Parser): LabelOperator {
  const token = parser.take();
  const operator = token.kind === "word" && token.text !== "in" && token.text !== "notin" ? "" : token.text;
  const known = own(binaryOperators, operator);
  if (!known) throw badRequest(`found '${token.text}', expected: in, notin, =, ==, !=, gt, lt`);
  return known;
}

/** `(a,b)`; every place without a word is an empty value. */
function parseValues(parser: Parser): string[] {
  const open = parser.take();
  if (open.kind !== "(") throw badRequest(`found '${open.text}' expected: '('`);
  const values = new Set<string>();
  let place: string | undefined;
  for (;;) {
    const token = parser.take();
    if (token.kind === "word" && place === undefined) place = token.text;
    else if (token.kind === "," || token.kind === ")") {
      values.add(place ?? "");
      place = undefined;
      if (token.kind === ")") return [...values];
    } else {
      const expected = place === undefined ? "',', ')' or identifier" : "',' or ')'";
      throw badRequest(`found '${token.text}', expected: ${expected}`);
    }
  }
}

function parseExactValue(parser: Parser): string[] {
  if (["end", ","].includes(parser.peek().kind)) return [""];
  const token = parser.take();
  if (token.kind !== "word") throw badRequest(`found '${token.text}', expected: identifier`);
  return [token.text];
}
