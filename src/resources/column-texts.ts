/** Texts that columns of several kinds show: labels, selectors, containers, owners, short lists. */
import type { LabelSelector } from "#machinery/meta.ts";

export function orNone(text: string | undefined): string {
  return text === undefined || text === "" ? "<none>" : text;
}

/** "a=b,c=d", sorted by key. */
export function labelsText(labels: Readonly<Record<string, string>> | undefined): string {
  const pairs = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return orNone(pairs.sort().join(","));
}

/** A selector as `kubectl -l` takes it; "" when it selects everything or nothing. */
export function bareSelectorText(selector: LabelSelector | undefined): string {
  const requirements: (readonly [string, string])[] = Object.entries(selector?.matchLabels ?? {}).map(
    ([key, value]) => [key, `${key}=${value}`] as const,
  );
  for (const { key, operator, values = [] } of selector?.matchExpressions ?? []) {
    const among = `(${[...values].sort().join(",")})`;
    if (operator === "In") requirements.push([key, `${key} in ${among}`]);
    else if (operator === "NotIn") requirements.push([key, `${key} notin ${among}`]);
    else if (operator === "Exists") requirements.push([key, key]);
    else requirements.push([key, `!${key}`]);
  }
  // A stable sort: requirements of one key keep the order they were given in.
  requirements.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return requirements.map(([, text]) => text).join(",");
}

export function selectorText(selector: LabelSelector | undefined): string {
  return orNone(bareSelectorText(selector));
}

interface Named {
  readonly name: string;
  readonly image?: string | undefined;
}

export function containerNames(containers: readonly Named[] | undefined): string {
  return (containers ?? []).map((container) => container.name).join(",");
}

export function containerImages(containers: readonly Named[] | undefined): string {
  return (containers ?? []).map((container) => container.image ?? "").join(",");
}

/** The first few texts, and how many more there are. */
export function shortList(texts: readonly string[], shownMax: number): string {
  const shown = texts.slice(0, shownMax).join(",");
  return texts.length > shownMax ? `${shown} + ${texts.length - shownMax} more...` : shown;
}

const accessModes: Readonly<Record<string, string>> = {
  ReadWriteOnce: "RWO",
  ReadOnlyMany: "ROX",
  ReadWriteMany: "RWX",
  ReadWriteOncePod: "RWOP",
};

export function accessModesText(modes: readonly string[] | undefined): string {
  return Object.entries(accessModes)
    .filter(([mode]) => modes?.includes(mode))
    .map(([, short]) => short)
    .join(",");
}
