/** What is to go goes, what is to be there is there, and what belongs together is together. */
import type { KubeObject } from "#machinery/meta.ts";
import { configMaps } from "#resources/core/config-map.ts";
import { namespaces } from "#resources/core/namespace.ts";
import { nodes } from "#resources/core/node.ts";
import { persistentVolumeClaims } from "#resources/core/persistent-volume-claim.ts";
import { persistentVolumes } from "#resources/core/persistent-volume.ts";
import { pods } from "#resources/core/pod.ts";
import { serviceAccounts } from "#resources/core/service-account.ts";
import type { History } from "../history.ts";
import type { Finding, Settlement } from "./invariant.ts";

function about(resource: string, { metadata }: KubeObject): string {
  return `${resource} ${metadata.namespace === undefined ? "" : `${metadata.namespace}/`}${metadata.name}`;
}

function* deletionsEnd(history: History): Generator<Finding> {
  for (const [resource, object] of history.everything())
    if (object.metadata.deletionTimestamp !== undefined && !isInUse(resource, object, history))
      yield {
        about: about(resource, object),
        found: `still there, with ${object.metadata.finalizers?.join(", ") ?? "no finalizer"}`,
      };
}

/** A claim that is deleted while a pod has it stays as long as the pod. */
function isInUse(resource: string, { metadata }: KubeObject, history: History): boolean {
  if (resource !== "persistentvolumeclaims") return false;
  return history
    .all(pods, metadata.namespace)
    .some(
      ({ spec, status }) =>
        status.phase !== "Succeeded" &&
        status.phase !== "Failed" &&
        spec.volumes?.some((volume) => volume.persistentVolumeClaim?.claimName === metadata.name),
    );
}

function* ownersExist(history: History): Generator<Finding> {
  const uids = new Set([...history.everything()].map(([, { metadata }]) => metadata.uid));
  for (const [resource, object] of history.everything()) {
    const { ownerReferences = [] } = object.metadata;
    if (ownerReferences.length > 0 && !ownerReferences.some(({ uid }) => uids.has(uid)))
      yield {
        about: about(resource, object),
        found: `all its owners are gone: ${ownerReferences.map(({ kind, name }) => `${kind} ${name}`).join(", ")}`,
      };
  }
}

function* namespacesAreFurnished(history: History): Generator<Finding> {
  for (const one of history.all(namespaces)) {
    const namespace = one.metadata.name ?? "";
    if (!history.get(serviceAccounts, { namespace, name: "default" }))
      yield { about: about("namespaces", one), found: "no default service account" };
    if (!history.get(configMaps, { namespace, name: "kube-root-ca.crt" }))
      yield { about: about("namespaces", one), found: "no kube-root-ca.crt" };
  }
}

function* claimsAreBound(history: History): Generator<Finding> {
  for (const claim of history.all(persistentVolumeClaims)) {
    const name = claim.spec.volumeName ?? "";
    if (name === "") continue;
    const volume = history.get(persistentVolumes, { namespace: "", name });
    if (volume?.spec.claimRef?.uid !== claim.metadata.uid || claim.status.phase !== "Bound")
      yield {
        about: about("persistentvolumeclaims", claim),
        found: `${claim.status.phase} to ${name}, which is of ${volume?.spec.claimRef?.name ?? "nobody"}`,
      };
  }
  for (const volume of history.all(persistentVolumes)) {
    const { claimRef } = volume.spec;
    const claim =
      claimRef &&
      history.get(persistentVolumeClaims, { namespace: claimRef.namespace ?? "", name: claimRef.name ?? "" });
    if (claim?.spec.volumeName !== volume.metadata.name && volume.spec.persistentVolumeReclaimPolicy === "Delete")
      yield { about: about("persistentvolumes", volume), found: `${volume.status.phase}, and no claim has it` };
  }
}

/** Pods of users' own programs may fail; nothing else may. */
function* podsRun(history: History): Generator<Finding> {
  for (const pod of history.all(pods)) {
    const { phase, conditions = [] } = pod.status;
    if (phase === "Succeeded" || phase === "Failed") continue;
    const isServing = pod.spec.containers.every(
      ({ command, readinessProbe }) => command?.[0] === "serve" && readinessProbe === undefined,
    );
    const why = conditions.find(({ type }) => type === "PodScheduled")?.message ?? "";
    if (pod.spec.nodeName === undefined) yield { about: about("pods", pod), found: `without a node: ${why}` };
    else if (!history.get(nodes, { namespace: "", name: pod.spec.nodeName }))
      yield { about: about("pods", pod), found: `on ${pod.spec.nodeName}, which is gone` };
    else if (
      isServing &&
      (phase !== "Running" || !conditions.some((one) => one.type === "Ready" && one.status === "True"))
    )
      yield { about: about("pods", pod), found: `${phase}, and not ready` };
  }
}

function* nodesAreReady(history: History): Generator<Finding> {
  for (const node of history.all(nodes)) {
    const ready = node.status.conditions?.find(({ type }) => type === "Ready");
    if (ready?.status !== "True") yield { about: about("nodes", node), found: `not ready: ${ready?.message}` };
    const taints = node.spec.taints ?? [];
    if (taints.length > 0)
      yield { about: about("nodes", node), found: `tainted ${taints.map(({ key }) => key).join(", ")}` };
    if (node.spec.podCIDR === undefined) yield { about: about("nodes", node), found: "no range of pod IPs" };
  }
}

const finders: Readonly<Record<string, (history: History) => Generator<Finding>>> = {
  "what is deleted goes": deletionsEnd,
  "what nobody owns goes": ownersExist,
  "a namespace is furnished": namespacesAreFurnished,
  "claims and volumes are each other's": claimsAreBound,
  "pods run": podsRun,
  "nodes are ready": nodesAreReady,
};

export const endSettlements: readonly Settlement[] = Object.entries(finders).map(([name, check]) => ({ name, check }));
