/**
 * What the plugins that look beyond a node must say, computed from all nodes and pods each time, by upstream's
 * definitions word for word. Slow and plain: the counts that the scheduler keeps are held to it.
 */
import { own } from "#base/own.ts";
import { selectorOf } from "#machinery/label-selector.ts";
import { matchesNode, untoleratedTaint } from "#resources/core/node-matching.ts";
import type { PodAffinityTerm } from "#resources/core/affinity.ts";
import type { Node } from "#resources/core/node.ts";
import type { Pod } from "#resources/core/pod.ts";

type Constraint = NonNullable<Pod["spec"]["topologySpreadConstraints"]>[number];
type Texts = Readonly<Record<string, string>>;

export interface PlainCluster {
  readonly nodes: readonly Node[];
  /** Each with the name of its node, which may not be there. */
  readonly pods: readonly Pod[];
  readonly namespaceLabels: (name: string) => Texts;
}

/** Undefined where the pod can be, else "!" for a reason that other pods are not to blame for, and the reason. */
type Verdict = string | undefined;

function podsOn(node: Node, { pods }: PlainCluster): readonly Pod[] {
  return pods.filter(({ spec }) => spec.nodeName === node.metadata.name);
}

function labelOf({ metadata }: Node, key: string): string | undefined {
  return own(metadata.labels, key);
}

function sameDomain(one: Node, other: Node, key: string): boolean {
  return labelOf(one, key) !== undefined && labelOf(one, key) === labelOf(other, key);
}

/** True when a term of the owner means the pod. */
function means(term: PodAffinityTerm, pod: Pod, { owner, cluster }: { owner: Pod; cluster: PlainCluster }): boolean {
  const namespace = pod.metadata.namespace ?? "";
  const { namespaces = [], namespaceSelector, labelSelector } = term;
  const named = namespaces.length === 0 && !namespaceSelector ? [owner.metadata.namespace ?? ""] : namespaces;
  const reached =
    named.includes(namespace) || selectorOf(namespaceSelector).matches(cluster.namespaceLabels(namespace));
  return reached && selectorOf(labelSelector).matches(pod.metadata.labels);
}

export function plainInterPodAffinity(pod: Pod, node: Node, cluster: PlainCluster): Verdict {
  const required = pod.spec.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const anti = pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const here = { owner: pod, cluster };
  const wanted = (other: Pod): boolean => required.every((term) => means(term, other, here));
  const near = (key: string, is: (other: Pod) => boolean): boolean =>
    cluster.nodes.some((other) => sameDomain(node, other, key) && podsOn(other, cluster).some(is));
  const isNear = required.every(({ topologyKey }) => near(topologyKey, wanted));
  const nobody = !required.some(({ topologyKey }) =>
    cluster.nodes.some((other) => labelOf(other, topologyKey) !== undefined && podsOn(other, cluster).some(wanted)),
  );
  const labelled = required.every(({ topologyKey }) => labelOf(node, topologyKey) !== undefined);
  if (!isNear && !(labelled && nobody && wanted(pod))) return "!node(s) didn't match pod affinity rules";
  if (anti.some((term) => near(term.topologyKey, (other) => means(term, other, here))))
    return "node(s) didn't match pod anti-affinity rules";
  const shuns = (other: Pod, there: Node): boolean =>
    (other.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).some(
      (term) => sameDomain(node, there, term.topologyKey) && means(term, pod, { owner: other, cluster }),
    );
  return cluster.nodes.some((there) => podsOn(there, cluster).some((other) => shuns(other, there)))
    ? "node(s) didn't satisfy existing pods anti-affinity rules"
    : undefined;
}

function isCounted(node: Node, pod: Pod, constraint: Constraint): boolean {
  if (constraint.nodeAffinityPolicy !== "Ignore" && !matchesNode(pod.spec, node)) return false;
  if (constraint.nodeTaintsPolicy !== "Honor") return true;
  return !untoleratedTaint(node.spec.taints, pod.spec.tolerations, ["NoSchedule", "NoExecute"]);
}

function matching(node: Node, { pod, selector, cluster }: Spread): number {
  return podsOn(node, cluster).filter(
    ({ metadata }) =>
      metadata.namespace === pod.metadata.namespace &&
      metadata.deletionTimestamp === undefined &&
      selector.matches(metadata.labels),
  ).length;
}

interface Spread {
  readonly pod: Pod;
  readonly selector: ReturnType<typeof selectorOf>;
  readonly cluster: PlainCluster;
}

const notSpread = "node(s) didn't match pod topology spread constraints";

export function plainTopologySpread(pod: Pod, node: Node, cluster: PlainCluster): Verdict {
  const all = (pod.spec.topologySpreadConstraints ?? []).filter((one) => one.whenUnsatisfiable === "DoNotSchedule");
  for (const constraint of all) {
    const { topologyKey, maxSkew, minDomains = 1 } = constraint;
    const selector = selectorOf(constraint.labelSelector);
    const value = labelOf(node, topologyKey);
    if (value === undefined) return `!${notSpread} (missing required label)`;
    const counts = new Map<string, number>();
    for (const other of cluster.nodes) {
      const there = labelOf(other, topologyKey);
      if (there === undefined || all.some((one) => labelOf(other, one.topologyKey) === undefined)) continue;
      if (!isCounted(other, pod, constraint)) continue;
      counts.set(there, (counts.get(there) ?? 0) + matching(other, { pod, selector, cluster }));
    }
    const least = counts.size < minDomains ? 0 : Math.min(...counts.values());
    const itself = selector.matches(pod.metadata.labels) ? 1 : 0;
    if ((counts.get(value) ?? 0) + itself - least > maxSkew) return notSpread;
  }
  return undefined;
}

export function plainSpreadScores(pod: Pod, nodes: readonly Node[], cluster: PlainCluster): readonly number[] {
  const declared = (pod.spec.topologySpreadConstraints ?? []).filter(
    (one) => one.whenUnsatisfiable !== "DoNotSchedule",
  );
  const isRanked = (node: Node): boolean => declared.every((one) => labelOf(node, one.topologyKey) !== undefined);
  const ranked = nodes.filter(isRanked);
  const costs = nodes.map((node) => {
    if (!isRanked(node)) return undefined;
    let cost = 0;
    for (const constraint of declared) {
      const { topologyKey: key, maxSkew } = constraint;
      const selector = selectorOf(constraint.labelSelector);
      const isHost = key === "kubernetes.io/hostname";
      const there = isHost
        ? [node]
        : cluster.nodes.filter(
            (other) => sameDomain(node, other, key) && isRanked(other) && isCounted(other, pod, constraint),
          );
      const count = there.reduce((sum, other) => sum + matching(other, { pod, selector, cluster }), 0);
      const size = isHost ? ranked.length : new Set(ranked.map((other) => labelOf(other, key))).size;
      cost += count * Math.log(size + 2) + maxSkew - 1;
    }
    return Math.round(cost);
  });
  const known = costs.filter((cost) => cost !== undefined);
  const [least, most] = [Math.min(...known), Math.max(...known)];
  return costs.map((cost) => {
    if (cost === undefined) return 0;
    return most === 0 ? 100 : Math.trunc((100 * (most + least - cost)) / most);
  });
}

export function plainAffinityScores(pod: Pod, nodes: readonly Node[], cluster: PlainCluster): readonly number[] {
  const raw = nodes.map((node) => {
    let points = 0;
    for (const there of cluster.nodes)
      for (const other of podsOn(there, cluster)) {
        const wish = (term: PodAffinityTerm, weight: number, [owner, meant]: readonly [Pod, Pod]): void => {
          if (sameDomain(node, there, term.topologyKey) && means(term, meant, { owner, cluster })) points += weight;
        };
        const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
        for (const one of podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
          wish(one.podAffinityTerm, one.weight, [pod, other]);
        for (const one of podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
          wish(one.podAffinityTerm, -one.weight, [pod, other]);
        const { podAffinity: its, podAntiAffinity: itsAnti } = other.spec.affinity ?? {};
        for (const term of its?.requiredDuringSchedulingIgnoredDuringExecution ?? []) wish(term, 1, [other, pod]);
        for (const one of its?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
          wish(one.podAffinityTerm, one.weight, [other, pod]);
        for (const one of itsAnti?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
          wish(one.podAffinityTerm, -one.weight, [other, pod]);
      }
    return points;
  });
  const least = Math.min(...raw);
  const range = Math.max(...raw) - least;
  return raw.map((one) => (range === 0 ? 0 : Math.trunc((100 * (one - least)) / range)));
}
