/**
 * Whether a pod that was put on this node can run here: the scheduler may have been wrong, or not asked.
 *
 * @see https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/
 */
import { own } from "#base/own.ts";
import type { NodeSelectorTerm } from "#resources/core/affinity.ts";
import type { Pod } from "#resources/core/pod.ts";
import { sysctlRefusal } from "../act/sysctls.ts";
import { millisOf, wholeOf } from "./amounts.ts";
import { containersOf } from "./observation.ts";
import { podRequest, podRequestMillis } from "./qos.ts";

export interface AdmissionInput {
  readonly pod: Pod;
  /** Pods that run here already and have not ended. */
  readonly others: readonly Pod[];
  readonly nodeName: string;
  readonly nodeLabels: Readonly<Record<string, string>>;
  readonly allocatable: Readonly<Record<string, string>>;
  readonly allowedUnsafeSysctls: readonly string[];
}

export interface Refusal {
  readonly reason: string;
  readonly message: string;
}

/** Undefined when the pod may run. */
export function refusalOf(input: AdmissionInput): Refusal | undefined {
  const { pod } = input;
  const os = pod.spec.os?.name;
  if (os !== undefined && os !== "linux")
    return { reason: "PodOSNotSupported", message: "Failed to admit pod as the OS field doesn't match node OS" };
  const sysctl = sysctlRefusal(pod, input.allowedUnsafeSysctls);
  if (sysctl !== undefined) return { reason: "SysctlForbidden", message: sysctl };
  return resourceRefusal(input) ?? affinityRefusal(input) ?? portRefusal(input);
}

/** Why other resources cannot be granted to a running pod; undefined when they can. */
export function resizeRefusal(input: Pick<AdmissionInput, "pod" | "others" | "allocatable">): Refusal | undefined {
  const whenAlone = resourceRefusal({ ...input, others: [] });
  const infeasible = whenAlone !== undefined;
  const refusal = whenAlone ?? resourceRefusal(input);
  if (!refusal) return undefined;
  const message = refusal.message.replace("Pod was rejected: ", "");
  return { reason: infeasible ? "Infeasible" : "Deferred", message };
}

function resourceRefusal({
  pod,
  others,
  allocatable,
}: Pick<AdmissionInput, "pod" | "others" | "allocatable">): Refusal | undefined {
  const podsMax = wholeOf(allocatable["pods"]);
  if (others.length + 1 > podsMax) return outOf("pods", { requested: 1, used: others.length, capacity: podsMax });
  const names = new Set(
    containersOf(pod).flatMap((one) => Object.keys({ ...one.resources?.requests, ...one.resources?.limits })),
  );
  for (const name of names) {
    // A resource of the cluster as a whole: the scheduler counts it.
    if (isExtended(name) && own(allocatable, name) === undefined) continue;
    const amount = (one: Pod): number => (name === "cpu" ? podRequestMillis(one) : podRequest(one, name));
    const capacity = name === "cpu" ? millisOf(allocatable[name]) : wholeOf(own(allocatable, name));
    const requested = amount(pod);
    const used = others.reduce((sum, other) => sum + amount(other), 0);
    if (requested > 0 && used + requested > capacity) return outOf(name, { requested, used, capacity });
  }
  return undefined;
}

function isExtended(name: string): boolean {
  return name.includes("/") && !name.includes("kubernetes.io/");
}

function outOf(
  name: string,
  of: { readonly requested: number; readonly used: number; readonly capacity: number },
): Refusal {
  return {
    reason: `OutOf${name}`,
    message: `Pod was rejected: Node didn't have enough resource: ${name}, requested: ${of.requested}, used: ${of.used}, capacity: ${of.capacity}`,
  };
}

function affinityRefusal({ pod, nodeName, nodeLabels }: AdmissionInput): Refusal | undefined {
  const wanted = Object.entries(pod.spec.nodeSelector ?? {});
  const terms = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  const selected = wanted.every(([key, value]) => own(nodeLabels, key) === value);
  if (selected && (!terms || terms.some((term) => termMatches(term, nodeName, nodeLabels)))) return undefined;
  return {
    reason: "NodeAffinity",
    message: "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
  };
}

function termMatches(term: NodeSelectorTerm, nodeName: string, labels: Readonly<Record<string, string>>): boolean {
  const { matchExpressions = [], matchFields = [] } = term;
  if (matchExpressions.length + matchFields.length === 0) return false;
  return (
    matchExpressions.every((one) => requirementHolds(one, own(labels, one.key))) &&
    matchFields.every((one) => requirementHolds(one, one.key === "metadata.name" ? nodeName : undefined))
  );
}

interface Requirement {
  readonly operator: string;
  readonly values?: readonly string[] | undefined;
}

function requirementHolds({ operator, values = [] }: Requirement, actual: string | undefined): boolean {
  switch (operator) {
    case "In":
      return actual !== undefined && values.includes(actual);
    case "NotIn":
      return actual === undefined || !values.includes(actual);
    case "Exists":
      return actual !== undefined;
    case "DoesNotExist":
      return actual === undefined;
    case "Gt":
      return actual !== undefined && Number(actual) > Number(values[0]);
    case "Lt":
      return actual !== undefined && Number(actual) < Number(values[0]);
    default:
      return false;
  }
}

interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

function hostPorts(pod: Pod): readonly HostPort[] {
  return containersOf(pod).flatMap((container) =>
    (container.ports ?? [])
      .filter((port) => (port.hostPort ?? 0) > 0)
      .map((port) => ({ ip: port.hostIP || "0.0.0.0", protocol: port.protocol ?? "TCP", port: port.hostPort ?? 0 })),
  );
}

function portRefusal({ pod, others }: AdmissionInput): Refusal | undefined {
  const everywhere = (ip: string): boolean => ip === "0.0.0.0" || ip === "::";
  const taken = others.flatMap(hostPorts);
  const clash = hostPorts(pod).some((own) =>
    taken.some(
      (other) =>
        own.port === other.port &&
        own.protocol === other.protocol &&
        (own.ip === other.ip || everywhere(own.ip) || everywhere(other.ip)),
    ),
  );
  if (!clash) return undefined;
  return {
    reason: "NodePorts",
    message: "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
  };
}
