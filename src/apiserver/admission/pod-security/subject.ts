/** What is checked, and how offenders are told: upstream's sentences, which people search for. */
import type { PodSpec } from "#resources/core/pod-spec.ts";

export interface Subject {
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: PodSpec;
}

/** What is the same in containers of every kind. */
export type CheckedContainer = PodSpec["containers"][number];

/** Why a pod is not allowed: in few words, and with what offends. */
export interface Violation {
  readonly reason: string;
  readonly detail: string;
}

export function containersOf({ spec }: Subject): readonly CheckedContainer[] {
  // Holds because ephemeral containers have every field that checks look at.
  const ephemeral = (spec.ephemeralContainers ?? []) as readonly CheckedContainer[];
  return [...(spec.initContainers ?? []), ...spec.containers, ...ephemeral];
}

export function isWindows({ spec }: Subject): boolean {
  return spec.os?.name === "windows";
}

/** True for a pod whose root is nobody on the machine. */
export function hasOwnUsers({ spec }: Subject): boolean {
  return spec.hostUsers === false;
}

export function quoted(items: readonly string[]): string {
  return items.map((item) => `"${item}"`).join(", ");
}

/** Each once, in order. */
export function sorted(items: Iterable<string>): string[] {
  return [...new Set(items)].toSorted();
}

export function plural(word: string, items: readonly unknown[]): string {
  return items.length === 1 ? word : `${word}s`;
}

/** `container "a"` or `containers "a", "b"`. */
export function named(containers: readonly CheckedContainer[]): string {
  return `${plural("container", containers)} ${quoted(containers.map(({ name }) => name))}`;
}

/** `pod and containers "a", "b"`: who said something. */
export function setters(byPod: boolean, containers: readonly CheckedContainer[]): string {
  return [...(byPod ? ["pod"] : []), ...(containers.length === 0 ? [] : [named(containers)])].join(" and ");
}
