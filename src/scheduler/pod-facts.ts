/** What scheduling needs of one pod, computed once. It refers to the informer's object and copies nothing of it. */
import { own } from "#base/own.ts";
import { Selector, selectorOf, type LabelRequirement } from "#machinery/label-selector.ts";
import { keyOf, keyText } from "#machinery/meta.ts";
import type { LabelSelector } from "#machinery/meta.ts";
import type { PodAffinityTerm, WeightedPodAffinityTerm } from "#resources/core/affinity.ts";
import { requestsOf, type PodRequests } from "./amounts.ts";
import type { PodSeen } from "./pod-view.ts";

export interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

/** Other pods, and the part of the cluster that is shared with them. */
export interface AffinityTerm {
  /** Terms with the same one mean the same. */
  readonly id: string;
  readonly namespaces: ReadonlySet<string>;
  /** Further namespaces, by their labels. */
  readonly namespaceSelector: Selector;
  readonly selector: Selector;
  readonly topologyKey: string;
  /** 0 for required terms. */
  readonly weight: number;
}

export interface PodAffinities {
  readonly required: readonly AffinityTerm[];
  readonly requiredAnti: readonly AffinityTerm[];
  readonly preferred: readonly AffinityTerm[];
  readonly preferredAnti: readonly AffinityTerm[];
}

export interface PodFacts {
  readonly pod: PodSeen;
  readonly key: string;
  readonly namespace: string;
  readonly uid: string;
  readonly priority: number;
  readonly requests: PodRequests;
  /** Shared and empty for most pods. */
  readonly ports: readonly HostPort[];
  readonly affinities: PodAffinities | undefined;
  /** Keys of its claims, "namespace/name". */
  readonly claims: readonly string[];
}

const none: readonly never[] = [];

export function factsOf(pod: PodSeen): PodFacts {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  return {
    pod,
    key: keyText(keyOf(pod)),
    namespace: pod.metadata.namespace ?? "",
    uid: pod.metadata.uid ?? "",
    priority: pod.spec.priority ?? 0,
    requests: requestsOf(pod),
    ports: hostPorts(pod),
    affinities: podAffinity || podAntiAffinity ? affinitiesOf(pod) : undefined,
    claims: claimsOf(pod),
  };
}

/** The name of the claim that a volume uses: one that is named, or the one made for the volume. */
export function claimNameOf(pod: PodSeen, volume: NonNullable<PodSeen["spec"]["volumes"]>[number]): string | undefined {
  const { persistentVolumeClaim, ephemeral } = volume;
  if (persistentVolumeClaim) return persistentVolumeClaim.claimName;
  return ephemeral ? `${pod.metadata.name ?? ""}-${volume.name}` : undefined;
}

export function isTerminating(pod: PodSeen): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}

/** True when the pod's containers ended for good: it holds nothing any more. */
export function isOver(pod: PodSeen): boolean {
  return pod.status.phase === "Succeeded" || pod.status.phase === "Failed";
}

function claimsOf(pod: PodSeen): readonly string[] {
  const { volumes = none } = pod.spec;
  const names = volumes.flatMap((volume) => claimNameOf(pod, volume) ?? []);
  return names.length === 0 ? none : names.map((name) => `${pod.metadata.namespace ?? ""}/${name}`);
}

function hostPorts({ spec }: PodSeen): readonly HostPort[] {
  const sidecars = (spec.initContainers ?? none).filter(({ restartPolicy }) => restartPolicy === "Always");
  const found: HostPort[] = [];
  for (const { ports = none } of [...spec.containers, ...sidecars])
    for (const { hostPort = 0, hostIP = "", protocol = "TCP" } of ports)
      if (hostPort > 0) found.push({ ip: hostIP === "" ? "0.0.0.0" : hostIP, protocol, port: hostPort });
  return found.length === 0 ? none : found;
}

// Pods of one template share what they say of others, and are known to by being the same.
const sharedMax = 1_000;
const known = new Map<string, PodAffinities>();

function affinitiesOf(pod: PodSeen): PodAffinities {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  const text = JSON.stringify([pod.metadata.namespace ?? "", podAffinity ?? null, podAntiAffinity ?? null]);
  // Terms with such keys (also "mismatchLabelKeys") depend on the pod's own labels.
  const key = text.includes("atchLabelKeys") ? `${text} ${JSON.stringify(pod.metadata.labels)}` : text;
  const same = known.get(key);
  if (same) return same;
  if (known.size >= sharedMax) known.clear();
  const affinities = readAffinities(pod);
  known.set(key, affinities);
  return affinities;
}

function readAffinities(pod: PodSeen): PodAffinities {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  const required = (terms: readonly PodAffinityTerm[] = none): AffinityTerm[] =>
    terms.map((term) => termOf(pod, term, 0));
  const preferred = (terms: readonly WeightedPodAffinityTerm[] = none): AffinityTerm[] =>
    terms.map(({ podAffinityTerm, weight }) => termOf(pod, podAffinityTerm, weight));
  return {
    required: required(podAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    requiredAnti: required(podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    preferred: preferred(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution),
    preferredAnti: preferred(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution),
  };
}

function termOf(pod: PodSeen, term: PodAffinityTerm, weight: number): AffinityTerm {
  const { namespaces = none, namespaceSelector, topologyKey } = term;
  const own = namespaces.length === 0 && namespaceSelector === undefined;
  const reach = new Set(own ? [pod.metadata.namespace ?? ""] : namespaces);
  const [byNamespace, byPod] = [selectorOf(namespaceSelector), selectorFor(pod, term)];
  return {
    id: JSON.stringify([[...reach].sort(), idOf(byNamespace), idOf(byPod), topologyKey]),
    namespaces: reach,
    namespaceSelector: byNamespace,
    selector: byPod,
    topologyKey,
    weight,
  };
}

function idOf(selector: Selector): string | null {
  return selector.matchesNothing ? null : selector.toString();
}

/** The selector, narrowed to pods that have the same (or other) values as this one under the keys that it names. */
export function selectorFor(
  pod: PodSeen,
  {
    labelSelector,
    matchLabelKeys = none,
    mismatchLabelKeys = none,
  }: {
    readonly labelSelector?: LabelSelector | undefined;
    readonly matchLabelKeys?: readonly string[] | undefined;
    readonly mismatchLabelKeys?: readonly string[] | undefined;
  },
): Selector {
  const selector = selectorOf(labelSelector);
  if (selector.matchesNothing || matchLabelKeys.length + mismatchLabelKeys.length === 0) return selector;
  const narrowed = (keys: readonly string[], operator: "in" | "notin"): LabelRequirement[] =>
    keys.flatMap((key) => {
      const value = own(pod.metadata.labels, key);
      return value === undefined ? [] : [{ key, operator, values: [value] }];
    });
  return Selector.of([
    ...selector.requirements,
    ...narrowed(matchLabelKeys, "in"),
    ...narrowed(mismatchLabelKeys, "notin"),
  ]);
}
