/** One requirement of a label selector: what makes it sound, what it matches and how it is written. */
import { unreachable } from "#base/assert.ts";
import { own } from "#base/own.ts";
import { invalid, type FieldError } from "../field-error.ts";
import { labelValue, qualifiedName } from "../names.ts";
import { badRequest } from "../status.ts";

export type Labels = Readonly<Record<string, string>>;

export type LabelOperator = "=" | "==" | "!=" | "in" | "notin" | "exists" | "!" | "gt" | "lt";

export interface LabelRequirement {
  readonly key: string;
  readonly operator: LabelOperator;
  /** Sorted; none for exists and `!`. */
  readonly values: readonly string[];
}

/**
 * A requirement that is sound.
 *
 * @throws StatusError 400 with all that is wrong.
 */
export function checked(key: string, operator: LabelOperator, values: readonly string[]): LabelRequirement {
  const errors = [
    ...problemOf("key", key, qualifiedName(key)),
    ...valuesProblems(operator, values),
    ...values.flatMap((value, index) => problemOf(`values[${index}][${key}]`, value, labelValue(value))),
  ];
  if (errors.length > 0) {
    const sentences = errors.map((error) => `${error.field}: ${error.message}`);
    throw badRequest(sentences.length === 1 ? (sentences[0] ?? "") : `[${sentences.join(", ")}]`);
  }
  return { key, operator, values: values.length > 1 ? values.toSorted() : values };
}

function problemOf(field: string, value: string, problems: readonly string[]): FieldError[] {
  return problems.length === 0 ? [] : [invalid(field, value, problems.join("; "))];
}

interface ValuesRule {
  readonly holds: (count: number) => boolean;
  readonly sentence: string;
}

const oneOrMore: ValuesRule = {
  holds: (count) => count > 0,
  sentence: "for 'in', 'notin' operators, values set can't be empty",
};
const exact: ValuesRule = {
  holds: (count) => count === 1,
  sentence: "exact-match compatibility requires one single value",
};
const none: ValuesRule = {
  holds: (count) => count === 0,
  sentence: "values set must be empty for exists and does not exist",
};
const bound: ValuesRule = {
  holds: (count) => count === 1,
  sentence: "for 'Gt', 'Lt' operators, exactly one value is required",
};
const valuesRules: Readonly<Record<LabelOperator, ValuesRule>> = {
  "=": exact,
  "==": exact,
  "!=": exact,
  in: oneOrMore,
  notin: oneOrMore,
  exists: none,
  "!": none,
  gt: bound,
  lt: bound,
};

function valuesProblems(operator: LabelOperator, values: readonly string[]): FieldError[] {
  const rule = valuesRules[operator];
  const problems = rule.holds(values.length) ? [] : [invalid("values", values, rule.sentence)];
  const notNumbers =
    rule === bound ? values.flatMap((value, index) => (integer.test(value) ? [] : [{ value, index }])) : [];
  return [
    ...problems,
    ...notNumbers.map(({ value, index }) =>
      invalid(`values[${index}]`, value, "for 'Gt', 'Lt' operators, the value must be an integer"),
    ),
  ];
}

const integer = /^[+-]?\d{1,19}$/;

export function matches({ key, operator, values }: LabelRequirement, labels: Labels | undefined): boolean {
  const value = own(labels, key);
  switch (operator) {
    case "=":
    case "==":
    case "in":
      return value !== undefined && values.includes(value);
    case "!=":
    case "notin":
      return value === undefined || !values.includes(value);
    case "exists":
      return value !== undefined;
    case "!":
      return value === undefined;
    case "gt":
      return compared(value, values[0]) > 0;
    case "lt":
      return compared(value, values[0]) < 0;
    default:
      return unreachable(operator);
  }
}

/** The order of two integers; 0 when one is none. */
function compared(value: string | undefined, bound = "0"): number {
  if (value === undefined || !integer.test(value)) return 0;
  const difference = BigInt(value) - BigInt(bound);
  return difference > 0n ? 1 : difference < 0n ? -1 : 0;
}

/** How an operator is written between key and values. */
const written: Readonly<Record<LabelOperator, string>> = {
  "=": "=",
  "==": "==",
  "!=": "!=",
  in: " in ",
  notin: " notin ",
  gt: ">",
  lt: "<",
  exists: "",
  "!": "",
};

export function formatRequirement({ key, operator, values }: LabelRequirement): string {
  const joined = values.join(",");
  const list = operator === "in" || operator === "notin" ? `(${joined})` : joined;
  return `${operator === "!" ? "!" : ""}${key}${written[operator]}${list}`;
}
