/**
 * Field selectors: `metadata.name=web,status.phase!=Running`. Which fields a kind can be selected by is said in its
 * definition.
 *
 * @see https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/
 */
import { badRequest } from "./status.ts";

export interface FieldRequirement {
  readonly field: string;
  readonly operator: "=" | "!=";
  readonly value: string;
}

/** @throws StatusError 400 with upstream's sentence. */
export function parseFieldSelector(text: string): readonly FieldRequirement[] {
  return splitTerms(text)
    .filter((term) => term !== "")
    .sort()
    .map((term) => parseTerm(text, term))
    .filter(({ field, value }) => field !== "" || value !== "");
}

/** @param valueOf The value of a field, "" when the object has none. */
export function matchesFields(requirements: readonly FieldRequirement[], valueOf: (field: string) => string): boolean {
  return compileFields(requirements)(valueOf);
}

/** Tells whether an object matches, given the value of each field. Each field is looked at once, however often it is named. */
export function compileFields(
  requirements: readonly FieldRequirement[],
): (valueOf: (field: string) => string) => boolean {
  const rules = new Map<string, { equal: string | undefined; contradicts: boolean; readonly not: Set<string> }>();
  for (const { field, operator, value } of requirements) {
    const rule = rules.get(field) ?? { equal: undefined, contradicts: false, not: new Set() };
    rules.set(field, rule);
    if (operator === "!=") rule.not.add(value);
    else if (rule.equal === undefined || rule.equal === value) rule.equal = value;
    else rule.contradicts = true;
  }
  const compiled = [...rules];
  return (valueOf) =>
    compiled.every(([field, { equal, contradicts, not }]) => {
      if (contradicts) return false;
      const value = valueOf(field);
      return (equal === undefined || equal === value) && !not.has(value);
    });
}

/** The value that `field` must have, if the selector asks for exactly one. */
export function exactField(requirements: readonly FieldRequirement[], field: string): string | undefined {
  return requirements.find((requirement) => requirement.field === field && requirement.operator === "=")?.value;
}

export function formatFieldSelector(requirements: readonly FieldRequirement[]): string {
  return requirements
    .map(({ field, operator, value }) => `${field}${operator}${value.replaceAll(/[\\,=]/g, "\\$&")}`)
    .join(",");
}

/** The parts between commas; a comma after a backslash belongs to a value. */
function splitTerms(text: string): string[] {
  return text.match(/(?:\\[\s\S]|[^\\,])+\\?|\\$/g) ?? [];
}

function parseTerm(text: string, term: string): FieldRequirement {
  const found = /!=|==?/.exec(term);
  if (!found) throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
  const [operator] = found;
  const value = term.slice(found.index + operator.length);
  return { field: term.slice(0, found.index), operator: operator === "!=" ? "!=" : "=", value: unescaped(value) };
}

function unescaped(value: string): string {
  return value.replaceAll(/\\([\s\S])?|[,=]/g, (found, escaped: string | undefined) => {
    if (escaped !== undefined && "\\,=".includes(escaped)) return escaped;
    throw badRequest(
      found.startsWith("\\")
        ? `invalid field selector: invalid escape sequence: ${found}`
        : `invalid field selector: unescaped character in value: ${found.charCodeAt(0)}`,
    );
  });
}
