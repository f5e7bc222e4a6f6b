/**
 * Label selectors, as text (`app=web,tier in (a,b),!canary`) and as the LabelSelector objects of specs.
 *
 * @see https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
 */
import { own } from "#base/own.ts";
import { parseRequirements } from "./label-selector/parse.ts";
import { compileRequirements } from "./label-selector/compile.ts";
import {
  checked,
  formatRequirement,
  type LabelOperator,
  type LabelRequirement,
  type Labels,
} from "./label-selector/requirement.ts";
import type { LabelSelector } from "./meta.ts";
import { badRequest } from "./status.ts";

export type { LabelOperator, LabelRequirement, Labels };

const exactOperators: ReadonlySet<LabelOperator> = new Set(["=", "==", "in"]);

/** A conjunction of requirements, sorted by key. */
export class Selector {
  static readonly everything = new Selector([]);
  static readonly nothing = new Selector([], true);

  readonly requirements: readonly LabelRequirement[];
  /** Matches no labels at all: the selector of an absent LabelSelector. */
  readonly matchesNothing: boolean;
  // Made by the first question: most selectors are only carried about.
  private compiled: ((labels: Labels | undefined) => boolean) | undefined = undefined;

  private constructor(requirements: readonly LabelRequirement[], matchesNothing = false) {
    this.requirements = requirements;
    this.matchesNothing = matchesNothing;
  }

  static of(requirements: readonly LabelRequirement[]): Selector {
    if (requirements.length === 0) return Selector.everything;
    return new Selector(requirements.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)));
  }

  get matchesEverything(): boolean {
    return this.requirements.length === 0 && !this.matchesNothing;
  }

  matches(labels: Labels | undefined): boolean {
    if (this.matchesNothing) return false;
    this.compiled ??= compileRequirements(this.requirements);
    return this.compiled(labels);
  }

  /** The labels that must have one certain value. */
  *exact(): Generator<{ readonly key: string; readonly value: string }> {
    for (const { key, operator, values } of this.requirements) {
      const [value] = values;
      if (value !== undefined && values.length === 1 && exactOperators.has(operator)) yield { key, value };
    }
  }

  toString(): string {
    return this.requirements.map(formatRequirement).join(",");
  }
}

/** @throws StatusError 400 with upstream's sentence. */
export function parseLabelSelector(text: string): Selector {
  return text === "" ? Selector.everything : Selector.of(parseRequirements(text));
}

// Of objects that never change: one selector is asked about every change of every pod of its namespace.
const made = new WeakMap<object, Selector>();

/** What `make` says of the part of an object, made once when the part cannot change. */
function once<T extends object>(part: T, make: (part: T) => Selector): Selector {
  const known = made.get(part);
  if (known) return known;
  const selector = make(part);
  if (Object.isFrozen(part)) made.set(part, selector);
  return selector;
}

/**
 * The selector of a LabelSelector object. An absent one selects nothing, an empty one everything.
 *
 * @throws StatusError 400 when it is not valid.
 */
export function selectorOf(selector: LabelSelector | undefined): Selector {
  return selector ? once(selector, readSelector) : Selector.nothing;
}

function readSelector(selector: LabelSelector): Selector {
  const requirements = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => checked(key, "=", [value]));
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    const known = own(operators, operator);
    if (!known) throw badRequest(`${JSON.stringify(operator)} is not a valid label selector operator`);
    requirements.push(checked(key, known, values ?? []));
  }
  return Selector.of(requirements);
}

/** The selector of a plain map of labels, e.g. of a Service; it is not checked. An empty map selects everything. */
export function selectorOfMap(labels: Labels | undefined): Selector {
  return labels ? once(labels, readMap) : Selector.everything;
}

function readMap(labels: Labels): Selector {
  return Selector.of(Object.entries(labels).map(([key, value]) => ({ key, operator: "=", values: [value] })));
}

const operators: Readonly<Record<string, LabelOperator>> = {
  In: "in",
  NotIn: "notin",
  Exists: "exists",
  DoesNotExist: "!",
};
