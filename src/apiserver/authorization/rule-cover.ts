/**
 * Whether rules that are held cover rules that are wanted, as upstream decides it: each single combination of verb,
 * group, resource and name must be covered by one held rule.
 *
 * The combinations are never written out, since a rule of three lists of 300 has 27 million of them. Elements of a list
 * that the same held rules cover are one class, and classes are combined instead.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping
 */
import type { PolicyRule } from "#resources/rbac/policy-rule.ts";

export type Cover =
  | { readonly kind: "covered" }
  /** Rules of one group, resource and name, or of one path. At most `missingMax`. */
  | { readonly kind: "missing"; readonly rules: readonly PolicyRule[] }
  | { readonly kind: "too much" };

// Some tens of milliseconds. Whoever holds everything by one rule needs one step an element.
export const coverStepsMax = 200_000;
export const missingMax = 100;

class TooMuchError extends Error {}

/** What a rule grants, in sets. */
interface Held {
  readonly verbs: ReadonlySet<string>;
  readonly groups: ReadonlySet<string>;
  readonly resources: ReadonlySet<string>;
  /** Empty for all names. */
  readonly names: ReadonlySet<string>;
  readonly urls: readonly string[];
}

/** Elements of a wanted list that the same held rules cover, and the indexes of those rules. */
interface ElementClass {
  readonly elements: readonly string[];
  readonly heldBy: ReadonlySet<number>;
}

export function coverOf(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): Cover {
  const comparison = new Comparison(held.map(setsOf));
  try {
    for (const rule of wanted) {
      comparison.addResources(rule);
      comparison.addUrls(rule);
    }
  } catch (error) {
    if (error instanceof TooMuchError) return { kind: "too much" };
    throw error;
  }
  return comparison.missing.length === 0 ? { kind: "covered" } : { kind: "missing", rules: comparison.missing };
}

function setsOf(rule: PolicyRule): Held {
  return {
    verbs: new Set(rule.verbs),
    groups: new Set(rule.apiGroups),
    resources: new Set(rule.resources),
    names: new Set(rule.resourceNames),
    urls: rule.nonResourceURLs ?? [],
  };
}

// Stands for a rule without names in place of a name. No name is empty.
const allNames = "";

class Comparison {
  // Invariant: at most missingMax.
  readonly missing: PolicyRule[] = [];
  private readonly held: readonly Held[];
  private steps = 0;

  constructor(held: readonly Held[]) {
    this.held = held;
  }

  addResources(rule: PolicyRule): void {
    const { verbs, apiGroups = [], resources = [], resourceNames = [] } = rule;
    if (verbs.length === 0 || apiGroups.length === 0 || resources.length === 0) return;
    const names = resourceNames.length === 0 ? [allNames] : resourceNames;
    const within = this.held.flatMap((one, at) => (this.touches(one, rule) ? [at] : []));
    const ofGroups = this.classes(apiGroups, within, (one, group) => holds(one.groups, group));
    const ofResources = this.classes(resources, within, (one, resource) => holdsResource(one.resources, resource));
    const ofNames = this.classes(names, within, (one, name) => one.names.size === 0 || one.names.has(name));
    const ofVerbs = this.classes(verbs, within, (one, verb) => holds(one.verbs, verb));
    for (const groups of ofGroups)
      for (const inGroup of ofResources) {
        const byBoth = this.shared(groups.heldBy, inGroup.heldBy);
        for (const named of ofNames) {
          if (this.missing.length >= missingMax) return;
          const byAll = this.shared(byBoth, named.heldBy);
          const lacking = ofVerbs.filter(({ heldBy }) => this.isDisjoint(byAll, heldBy));
          if (lacking.length === 0) continue;
          const lackingVerbs = new Set(lacking.flatMap(({ elements }) => elements));
          const inOrder = verbs.filter((verb) => lackingVerbs.has(verb));
          this.note(inOrder, [groups.elements, inGroup.elements, named.elements]);
        }
      }
  }

  addUrls({ verbs, nonResourceURLs = [] }: PolicyRule): void {
    const unnamed = this.held.flatMap((one, at) => (one.urls.length > 0 && one.names.size === 0 ? [at] : []));
    const ofVerbs = this.classes(verbs, unnamed, (one, verb) => holds(one.verbs, verb));
    const ofUrls = this.classes(nonResourceURLs, unnamed, (one, url) => this.holdsUrl(one.urls, url));
    for (const urls of ofUrls) {
      const lacking = ofVerbs.filter(({ heldBy }) => this.isDisjoint(urls.heldBy, heldBy));
      const lackingVerbs = lacking.flatMap(({ elements }) => elements);
      if (lackingVerbs.length === 0) continue;
      for (const url of urls.elements) {
        if (this.missing.length >= missingMax) return;
        this.missing.push({ verbs: lackingVerbs, nonResourceURLs: [url] });
      }
    }
  }

  /** False for a held rule that covers no part of a wanted one, by its groups, which tell most rules apart. */
  private touches(one: Held, { apiGroups = [] }: PolicyRule): boolean {
    if (one.groups.has("*")) return true;
    return apiGroups.some((group) => {
      this.step();
      return one.groups.has(group);
    });
  }

  private classes(
    elements: readonly string[],
    within: readonly number[],
    covers: (one: Held, element: string) => boolean,
  ): ElementClass[] {
    const found = new Map<string, { readonly elements: string[]; readonly heldBy: ReadonlySet<number> }>();
    for (const element of new Set(elements)) {
      const by = within.filter((at) => {
        this.step();
        const one = this.held[at];
        return one !== undefined && covers(one, element);
      });
      const key = by.join(",");
      const known = found.get(key);
      if (known) known.elements.push(element);
      else found.set(key, { elements: [element], heldBy: new Set(by) });
    }
    return [...found.values()];
  }

  private shared(some: ReadonlySet<number>, others: ReadonlySet<number>): ReadonlySet<number> {
    this.step(Math.min(some.size, others.size) + 1);
    return some.intersection(others);
  }

  private isDisjoint(some: ReadonlySet<number>, others: ReadonlySet<number>): boolean {
    this.step(Math.min(some.size, others.size) + 1);
    return some.isDisjointFrom(others);
  }

  private holdsUrl(patterns: readonly string[], url: string): boolean {
    return patterns.some((pattern) => {
      this.step();
      return pattern === url || (pattern.endsWith("*") && url.startsWith(withoutStars(pattern)));
    });
  }

  private note(verbs: readonly string[], [groups, resources, names]: readonly [...(readonly string[])[]]): void {
    for (const group of groups ?? [])
      for (const resource of resources ?? [])
        for (const name of names ?? []) {
          if (this.missing.length >= missingMax) return;
          const resourceNames = name === allNames ? {} : { resourceNames: [name] };
          this.missing.push({ verbs, apiGroups: [group], resources: [resource], ...resourceNames });
        }
  }

  private step(count = 1): void {
    this.steps += count;
    if (this.steps > coverStepsMax) throw new TooMuchError();
  }
}

function holds(set: ReadonlySet<string>, element: string): boolean {
  return set.has("*") || set.has(element);
}

function holdsResource(set: ReadonlySet<string>, resource: string): boolean {
  if (holds(set, resource)) return true;
  const slash = resource.indexOf("/");
  return slash >= 0 && set.has(`*${resource.slice(slash)}`);
}

function withoutStars(pattern: string): string {
  let end = pattern.length;
  while (pattern[end - 1] === "*") end -= 1;
  return pattern.slice(0, end);
}
