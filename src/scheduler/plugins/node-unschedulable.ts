/** Cordoned nodes take only pods that tolerate it. */
import { tolerates } from "#resources/core/node-matching.ts";
import type { Taint } from "#resources/core/node.ts";
import type { PodSeen } from "../pod-view.ts";
import { check, unresolvable, type Filter, type Hint } from "../plugin.ts";

const cordon: Taint = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };

const cordoned = unresolvable("node(s) were unschedulable");

function toleratesCordon({ tolerations = [] }: PodSeen["spec"]): boolean {
  return tolerations.some((toleration) => tolerates(toleration, cordon));
}

export const nodeUnschedulable: Filter = ({ pod }) => {
  if (toleratesCordon(pod.spec)) return undefined;
  return check((node) => (node.cordoned ? cordoned : undefined));
};

export const nodeUnschedulableHint: Hint = (_, event) =>
  event.kind === "node" &&
  event.node.spec.unschedulable !== true &&
  (!event.old || event.old.spec.unschedulable === true);
