/**
 * Label selectors as they are asked: one rule for each key, however many requirements name it. An object is looked at
 * by its own labels when the selector has more keys than a glance, so that a selector of thousands costs no more than
 * one of a few.
 */
import { own } from "#base/own.ts";
import { matches, type LabelRequirement, type Labels } from "./requirement.ts";

/** All that is asked of one key. */
interface Rule {
  readonly key: string;
  /** True when an object without the label does not match. */
  needed: boolean;
  /** True when an object with the label does not match. */
  forbidden: boolean;
  /** Values that match; undefined for any. */
  among: ReadonlySet<string> | undefined;
  readonly not: Set<string>;
  /** Comparisons of numbers. */
  readonly bounds: LabelRequirement[];
}

// Up to so many keys are looked up one by one.
const glanceMax = 8;

export function compileRequirements(
  requirements: readonly LabelRequirement[],
): (labels: Labels | undefined) => boolean {
  const rules = new Map<string, Rule>();
  for (const requirement of requirements) {
    const { key } = requirement;
    const rule = rules.get(key) ?? {
      key,
      needed: false,
      forbidden: false,
      among: undefined,
      not: new Set(),
      bounds: [],
    };
    rules.set(key, rule);
    tighten(rule, requirement);
  }
  if (rules.size <= glanceMax) {
    const few = [...rules.values()];
    return (labels) => few.every((rule) => allows(rule, valueOf(labels, rule.key)));
  }
  let neededCount = 0;
  for (const { needed } of rules.values()) if (needed) neededCount += 1;
  return (labels) => {
    let found = 0;
    for (const key in labels) {
      if (!Object.hasOwn(labels, key)) continue;
      const rule = rules.get(key);
      if (!rule) continue;
      if (!allows(rule, labels[key])) return false;
      if (rule.needed) found += 1;
    }
    return found === neededCount;
  };
}

function valueOf(labels: Labels | undefined, key: string): string | undefined {
  return own(labels, key);
}

function tighten(rule: Rule, requirement: LabelRequirement): void {
  const { operator, values } = requirement;
  switch (operator) {
    case "=":
    case "==":
    case "in": {
      const { among } = rule;
      rule.needed = true;
      rule.among = new Set(among ? values.filter((value) => among.has(value)) : values);
      break;
    }
    case "!=":
    case "notin":
      for (const value of values) rule.not.add(value);
      break;
    case "exists":
      rule.needed = true;
      break;
    case "!":
      rule.forbidden = true;
      break;
    case "gt":
    case "lt":
      rule.needed = true;
      rule.bounds.push(requirement);
      break;
  }
}

function allows({ key, needed, forbidden, among, not, bounds }: Rule, value: string | undefined): boolean {
  if (value === undefined) return !needed;
  if (forbidden || not.has(value) || (among && !among.has(value))) return false;
  return bounds.every((bound) => matches(bound, { [key]: value }));
}
