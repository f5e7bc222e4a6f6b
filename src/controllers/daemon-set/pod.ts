/** The pod of a DaemonSet on a node, and whether the node should have one. Pure. */
import type { DaemonSet } from "#resources/apps/daemon-set.ts";
import { matchesNode, untoleratedTaint } from "#resources/core/node-matching.ts";
import type { Node } from "#resources/core/node.ts";
import type { PodSpec, Toleration } from "#resources/core/pod-spec.ts";
import type { Pod } from "#resources/core/pod.ts";
import { podFromTemplate } from "../pod-from-template.ts";
import type { PodSeen } from "../pod-view.ts";

export const hashLabel = "controller-revision-hash";
const generationLabel = "pod-template-generation";
const generationAnnotation = "deprecated.daemonset.template.generation";

const tolerated = (key: string, effect: Toleration["effect"]): Toleration => ({
  key: `node.kubernetes.io/${key}`,
  operator: "Exists",
  ...(effect === undefined ? {} : { effect }),
});

/** A daemon stays on a node in trouble: it may be what helps it. */
const alwaysTolerated: readonly Toleration[] = [
  tolerated("not-ready", "NoExecute"),
  tolerated("unreachable", "NoExecute"),
  tolerated("disk-pressure", "NoSchedule"),
  tolerated("memory-pressure", "NoSchedule"),
  tolerated("pid-pressure", "NoSchedule"),
  tolerated("unschedulable", "NoSchedule"),
];

function tolerationsOf(spec: PodSpec): readonly Toleration[] {
  const added =
    spec.hostNetwork === true ? [...alwaysTolerated, tolerated("network-unavailable", "NoSchedule")] : alwaysTolerated;
  const same = (a: Toleration, b: Toleration): boolean =>
    a.key === b.key && a.effect === b.effect && a.operator === b.operator && (a.value ?? "") === (b.value ?? "");
  const replaced = (spec.tolerations ?? []).filter((own) => !added.some((one) => same(own, one)));
  return [...replaced, ...added];
}

/** Where a DaemonSet stands with a node. */
export interface Eligibility {
  /** It should get a pod. */
  readonly runs: boolean;
  /** A pod that is there may stay. */
  readonly stays: boolean;
}

export function eligibility(set: DaemonSet, node: Node): Eligibility {
  const { spec } = set.spec.template;
  if ((spec.nodeName ?? "") !== "" && spec.nodeName !== node.metadata.name) return { runs: false, stays: false };
  if (!matchesNode(spec, node)) return { runs: false, stays: false };
  const untolerated = (effects: readonly string[]): boolean =>
    untoleratedTaint(node.spec.taints, tolerationsOf(spec), effects) !== undefined;
  return untolerated(["NoSchedule", "NoExecute"])
    ? { runs: false, stays: !untolerated(["NoExecute"]) }
    : { runs: true, stays: true };
}

/** The pod as it is to be created; the scheduler can place it on this node only. */
export function daemonPod(set: DaemonSet, hash: string, nodeName: string): Pod {
  const made = podFromTemplate(set, set.spec.template);
  const generation = set.metadata.annotations?.[generationAnnotation];
  const numbered = generation === undefined ? {} : { [generationLabel]: generation };
  const onlyHere = {
    nodeSelectorTerms: [{ matchFields: [{ key: nameField, operator: "In" as const, values: [nodeName] }] }],
  };
  const { affinity } = made.spec;
  return {
    ...made,
    metadata: { ...made.metadata, labels: { ...made.metadata.labels, ...numbered, [hashLabel]: hash } },
    spec: {
      ...made.spec,
      tolerations: tolerationsOf(made.spec),
      affinity: {
        ...affinity,
        nodeAffinity: { ...affinity?.nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution: onlyHere },
      },
    },
  };
}

const nameField = "metadata.name";

/** The node a daemon pod is on or waits for. */
export function nodeNameOf(pod: PodSeen): string | undefined {
  if ((pod.spec.nodeName ?? "") !== "") return pod.spec.nodeName;
  const terms = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  const fields = terms?.flatMap((term) => term.matchFields ?? []) ?? [];
  return fields.find(({ key, operator }) => key === nameField && operator === "In")?.values?.[0];
}

/** Pods with a node first, then the oldest: the first is the one that counts. */
export function byPlaceAndAge(a: PodSeen, b: PodSeen): number {
  const placed = (pod: PodSeen): boolean => (pod.spec.nodeName ?? "") !== "";
  const [left, right] = [a.metadata.creationTimestamp ?? "", b.metadata.creationTimestamp ?? ""];
  if (placed(a) !== placed(b)) return placed(a) ? -1 : 1;
  if (left !== right) return left < right ? -1 : 1;
  return (a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1;
}
