/**
 * What an object counts against resource quotas: used by admission, before an object exists, and by the quota
 * controller, which counts what there is.
 *
 * @see https://kubernetes.io/docs/concepts/policy/resource-quotas/
 */
import type { KubeObject } from "#machinery/meta.ts";
import { Quantity } from "#machinery/quantity.ts";
import type { ViewOf } from "#machinery/view.ts";
import type { Container } from "./container.ts";
import type { PersistentVolumeClaim } from "./persistent-volume-claim.ts";
import type { Pod } from "./pod.ts";
import type { ResourceQuota, ScopedResourceSelectorRequirement } from "./resource-quota.ts";
import type { Service } from "./service.ts";

export type Amounts = ReadonlyMap<string, Quantity>;

const one = Quantity.of(1);

/** Kinds that no quota counts, as upstream: they are made by what happens, not by what somebody wants. */
export const uncounted: ReadonlySet<string> = new Set(["events", "events.events.k8s.io"]);

const countedByName = new Set(["configmaps", "secrets", "replicationcontrollers", "resourcequotas"]);

/** The id of the resource whose objects a name of a quota counts: the other direction of `usageOf`. */
export function countedBy(name: string): string {
  if (name.startsWith("count/")) return name.slice("count/".length);
  if (countedByName.has(name)) return name;
  if (name === "services" || name.startsWith("services.")) return "services";
  const ofClaims = name === "persistentvolumeclaims" || name === "requests.storage" || name.includes("storageclass.");
  return ofClaims ? "persistentvolumeclaims" : "pods";
}

/** The usage of an object under every name a quota may give it; empty for kinds that are only counted. */
export function usageOf(resourceId: string, object: KubeObject): Amounts {
  const usage = new Map<string, Quantity>([[`count/${resourceId}`, one]]);
  // Each cast holds because the resource's id says which kind its objects are.
  switch (resourceId) {
    case "pods":
      addPod(usage, object as Pod);
      break;
    case "persistentvolumeclaims":
      addClaim(usage, object as PersistentVolumeClaim);
      break;
    case "services":
      addService(usage, object as Service);
      break;
    case "configmaps":
    case "secrets":
    case "replicationcontrollers":
    case "resourcequotas":
      usage.set(resourceId, one);
      break;
    default:
  }
  return usage;
}

/** A pod that ended counts as an object but holds no resources. */
function addPod(usage: Map<string, Quantity>, pod: Pod): void {
  if (pod.status.phase === "Succeeded" || pod.status.phase === "Failed") return;
  usage.set("pods", one);
  for (const which of ["requests", "limits"] as const) {
    for (const [name, amount] of podAmounts(pod, which)) {
      usage.set(`${which}.${name}`, amount);
      if (which === "requests") usage.set(name, amount);
    }
  }
}

/** What is read of a pod to say what it needs. */
export interface NeedyPod extends ViewOf<
  Pod,
  {
    readonly spec: {
      readonly containers: { readonly resources: true };
      readonly initContainers: { readonly resources: true; readonly restartPolicy: true };
      readonly resources: true;
      readonly overhead: true;
    };
  }
> {}

/** The most a pod needs at one time: all containers together, or any one init container with the sidecars before it. */
export function podAmounts(pod: NeedyPod, which: "requests" | "limits"): Map<string, Quantity> {
  const total = new Map<string, Quantity>();
  for (const container of pod.spec.containers) addAmounts(total, container, which);
  const sidecars = new Map<string, Quantity>();
  const peak = new Map<string, Quantity>();
  for (const container of pod.spec.initContainers ?? []) {
    if (container.restartPolicy === "Always") {
      addAmounts(sidecars, container, which);
      addAmounts(total, container, which);
      raise(peak, sidecars);
    } else {
      const together = new Map(sidecars);
      addAmounts(together, container, which);
      raise(peak, together);
    }
  }
  raise(total, peak);
  const podLevel = pod.spec.resources?.[which] ?? {};
  for (const [name, text] of Object.entries(podLevel)) total.set(name, Quantity.parse(text));
  for (const [name, text] of Object.entries(pod.spec.overhead ?? {})) {
    const amount = total.get(name);
    if (which === "requests" || amount) total.set(name, (amount ?? Quantity.zero).add(Quantity.parse(text)));
  }
  return total;
}

function addAmounts(
  total: Map<string, Quantity>,
  container: Pick<Container, "resources">,
  which: "requests" | "limits",
): void {
  for (const [name, text] of Object.entries(container.resources[which] ?? {}))
    total.set(name, (total.get(name) ?? Quantity.zero).add(Quantity.parse(text)));
}

function raise(total: Map<string, Quantity>, least: ReadonlyMap<string, Quantity>): void {
  for (const [name, amount] of least) {
    const known = total.get(name);
    if (!known || known.compare(amount) < 0) total.set(name, amount);
  }
}

function addClaim(usage: Map<string, Quantity>, claim: PersistentVolumeClaim): void {
  const asked = Quantity.parse(claim.spec.resources.requests?.["storage"] ?? "0");
  usage.set("persistentvolumeclaims", one);
  usage.set("requests.storage", asked);
  const { storageClassName } = claim.spec;
  if (storageClassName === undefined) return;
  usage.set(`${storageClassName}.storageclass.storage.k8s.io/persistentvolumeclaims`, one);
  usage.set(`${storageClassName}.storageclass.storage.k8s.io/requests.storage`, asked);
}

function addService(usage: Map<string, Quantity>, service: Service): void {
  const { type = "ClusterIP", ports = [], allocateLoadBalancerNodePorts } = service.spec;
  usage.set("services", one);
  if (type === "LoadBalancer") usage.set("services.loadbalancers", one);
  const withNodePorts = type === "NodePort" || (type === "LoadBalancer" && allocateLoadBalancerNodePorts !== false);
  if (withNodePorts) usage.set("services.nodeports", Quantity.of(ports.length));
}

/** True when the quota's scopes let it count this object. Scopes speak of pods only, but for one of claims. */
export function quotaCovers(quota: ResourceQuota, resourceId: string, object: KubeObject): boolean {
  const requirements: readonly ScopedResourceSelectorRequirement[] = [
    ...(quota.spec.scopes ?? []).map((scopeName) => ({ scopeName, operator: "Exists" as const })),
    ...(quota.spec.scopeSelector?.matchExpressions ?? []),
  ];
  if (requirements.length === 0) return true;
  if (resourceId !== "pods") return false;
  // Holds because the resource is pods.
  return requirements.every((requirement) => inScope(object as Pod, requirement));
}

function inScope(pod: Pod, requirement: ScopedResourceSelectorRequirement): boolean {
  switch (requirement.scopeName) {
    case "Terminating":
      return pod.spec.activeDeadlineSeconds !== undefined && pod.spec.activeDeadlineSeconds >= 0;
    case "NotTerminating":
      return pod.spec.activeDeadlineSeconds === undefined;
    case "BestEffort":
      return isBestEffort(pod);
    case "NotBestEffort":
      return !isBestEffort(pod);
    case "PriorityClass":
      return priorityMatches(pod.spec.priorityClassName ?? "", requirement);
    case "CrossNamespacePodAffinity":
      return reachesOtherNamespaces(pod);
    case "VolumeAttributesClass":
      return false;
  }
}

function isBestEffort(pod: Pod): boolean {
  return [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].every((container) => {
    const { requests = {}, limits = {} } = container.resources;
    return ![requests, limits].some((amounts) => "cpu" in amounts || "memory" in amounts);
  });
}

function priorityMatches(name: string, { operator, values = [] }: ScopedResourceSelectorRequirement): boolean {
  switch (operator) {
    case "Exists":
      return name !== "";
    case "DoesNotExist":
      return name === "";
    case "In":
      return values.includes(name);
    case "NotIn":
      return !values.includes(name);
  }
}

function reachesOtherNamespaces(pod: Pod): boolean {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  return [podAffinity, podAntiAffinity].some((affinity) =>
    [
      ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
      ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => term.podAffinityTerm),
    ].some((term) => (term.namespaces ?? []).length > 0 || term.namespaceSelector !== undefined),
  );
}
