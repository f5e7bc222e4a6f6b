/**
 * Which objects with a selector - Services, budgets, owners - select one that has labels: found by index, so that the
 * change of a pod costs what selects it, not all that might.
 */
import type { Selector } from "#machinery/label-selector.ts";
import type { Named } from "#machinery/meta.ts";
import type { Readable } from "#machinery/resource.ts";
import type { IndexFunction } from "#client/informer.ts";
import type { Caches } from "./controller.ts";

/** Index of what has a selector, by a label that the selector asks for. */
export const bySelector = "selector";

type Labels = Readonly<Record<string, string>>;

/** @param selectorOf Undefined for what selects nothing. */
export function selectorIndex<T extends Named>(selectorOf: (object: T) => Selector | undefined): IndexFunction<T> {
  return (object) => {
    const selector = selectorOf(object);
    if (!selector || selector.matchesNothing) return [];
    return [`${object.metadata.namespace ?? ""}/${rarest(selector) ?? ""}`];
  };
}

/**
 * Of the labels that an object must have to be selected, one; undefined when it need not have any. Each is right; the
 * longest is the likeliest to be rare, because it holds a name.
 */
function rarest(selector: Selector): string | undefined {
  let found: string | undefined;
  for (const { key, value } of selector.exact()) {
    const label = labelText(key, value);
    if (found === undefined || label.length > found.length) found = label;
  }
  return found;
}

function labelText(key: string, value: string): string {
  return `${key}=${value}`;
}

export interface Selecting<T extends Named> {
  /** Watched with the index `bySelector`. */
  readonly what: Readable<T>;
  readonly selectorOf: (object: T) => Selector | undefined;
}

/** What selects an object of this namespace with these labels. */
export function selecting<T extends Named>(
  { what, selectorOf }: Selecting<T>,
  { namespace = "", labels = {} }: { readonly namespace?: string | undefined; readonly labels?: Labels | undefined },
  caches: Caches,
): readonly T[] {
  const candidates = ["", ...Object.entries(labels).map(([key, value]) => labelText(key, value))].flatMap((label) =>
    caches.byIndex(what, { name: bySelector, value: `${namespace}/${label}` }),
  );
  return candidates.filter((object) => selectorOf(object)?.matches(labels));
}
