/**
 * Whether a node suits a pod by its labels, name and taints. Pure; the scheduler, the DaemonSet controller and the
 * volume binder must agree on it.
 *
 * @see https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/
 * @see https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
 */
import { own } from "#base/own.ts";
import type { NodeSelector, NodeSelectorRequirement, NodeSelectorTerm } from "./affinity.ts";
import type { Node, Taint } from "./node.ts";
import type { Part } from "#machinery/view.ts";
import type { PodSpec, Toleration } from "./pod-spec.ts";

/** A node, as far as it is matched. */
export type Labelled = Pick<Node, "metadata">;

/** The node selector and the required node affinity of a pod. */
export function matchesNode(
  spec: Part<PodSpec, { readonly nodeSelector: true; readonly affinity: true }>,
  node: Labelled,
): boolean {
  const labels = node.metadata.labels ?? {};
  if (!Object.entries(spec.nodeSelector ?? {}).every(([key, value]) => own(labels, key) === value)) return false;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || matchesNodeSelector(required, node);
}

/** One term is enough. */
export function matchesNodeSelector(selector: NodeSelector, node: Labelled): boolean {
  return selector.nodeSelectorTerms.some((term) => matchesNodeTerm(term, node));
}

/** All expressions and fields hold; a term without any matches nothing. */
export function matchesNodeTerm(term: NodeSelectorTerm, node: Labelled): boolean {
  const { matchExpressions = [], matchFields = [] } = term;
  if (matchExpressions.length === 0 && matchFields.length === 0) return false;
  const labels = node.metadata.labels ?? {};
  return (
    matchExpressions.every((one) => matchesRequirement(one, own(labels, one.key))) &&
    matchFields.every((one) => one.key === "metadata.name" && matchesRequirement(one, node.metadata.name))
  );
}

function matchesRequirement({ operator, values = [] }: NodeSelectorRequirement, value: string | undefined): boolean {
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "Gt":
      return compare(value, values[0], (a, b) => a > b);
    case "Lt":
      return compare(value, values[0], (a, b) => a < b);
  }
}

function compare(a: string | undefined, b: string | undefined, holds: (a: number, b: number) => boolean): boolean {
  const isInteger = (text: string | undefined): text is string => text !== undefined && /^[+-]?\d+$/.test(text);
  return isInteger(a) && isInteger(b) && holds(Number(a), Number(b));
}

export function tolerates(toleration: Toleration, taint: Taint): boolean {
  const { key = "", effect = "", operator = "Equal", value = "" } = toleration;
  if (effect !== "" && effect !== taint.effect) return false;
  if (key !== "" && key !== taint.key) return false;
  switch (operator) {
    case "Exists":
      return true;
    case "Equal":
      return value === (taint.value ?? "") && key !== "";
    case "Gt":
      return compare(taint.value, value, (a, b) => a > b);
    case "Lt":
      return compare(taint.value, value, (a, b) => a < b);
  }
}

/** The first taint with one of these effects that no toleration covers. */
export function untoleratedTaint(
  taints: readonly Taint[] | undefined,
  tolerations: readonly Toleration[] | undefined,
  effects: readonly string[],
): Taint | undefined {
  return taints?.find(
    (taint) => effects.includes(taint.effect) && !(tolerations ?? []).some((one) => tolerates(one, taint)),
  );
}
