/**
 * Keeps the status of resource quotas: admission counts what comes, this controller what there is.
 *
 * @see https://kubernetes.io/docs/concepts/policy/resource-quotas/
 */
import { deepEqual } from "#machinery/equal.ts";
import { keyOf, type KubeObject, type ObjectKey } from "#machinery/meta.ts";
import { Quantity } from "#machinery/quantity.ts";
import { untyped, type ResourceDefinition } from "#machinery/resource.ts";
import { catalogue } from "#resources/catalogue.ts";
import { quotaCovers, usageOf } from "#resources/core/quota-usage.ts";
import { resourceQuotas, type ResourceQuota } from "#resources/core/resource-quota.ts";
import type { Change } from "#client/informer.ts";
import { updateStatus } from "./actions.ts";
import { nothing, type Caches, type Controller, type Plan, type Watch } from "./controller.ts";

export interface QuotaObservation {
  readonly quota: ResourceQuota;
  /** Objects of the namespace by the id of their resource. */
  readonly objects: ReadonlyMap<string, readonly KubeObject[]>;
}

/** What quotas can count: other parts keep these in memory anyway. */
const countedIds = new Set([
  "pods",
  "services",
  "persistentvolumeclaims",
  "configmaps",
  "secrets",
  "replicationcontrollers",
  "resourcequotas",
  "serviceaccounts",
  "endpoints",
  "deployments.apps",
  "replicasets.apps",
  "statefulsets.apps",
  "daemonsets.apps",
  "jobs.batch",
  "cronjobs.batch",
  "ingresses.networking.k8s.io",
]);

export function resourceQuotaController(): Controller<QuotaObservation> {
  const counted = catalogue.filter(({ id }) => countedIds.has(id));
  return {
    name: "resourcequota-controller",
    watches: counted.map(watchOf),
    observe: (key, caches) => {
      const quota = caches.get(resourceQuotas, key);
      if (!quota) return undefined;
      const needed = counted.filter(({ id }) => mayCount(quota, id));
      return { quota, objects: new Map(needed.map((one) => [one.id, caches.list(one, key.namespace)])) };
    },
    plan: planQuota,
  };
}

function watchOf(resource: ResourceDefinition): Watch {
  const quotasOf = ({ object }: Change<KubeObject>, caches: Caches): readonly ObjectKey[] =>
    caches.list(resourceQuotas, object.metadata.namespace ?? "").map(keyOf);
  return {
    resource: untyped(resource),
    keysOf: (change, caches) => {
      if (resource.id === resourceQuotas.id && change.type !== "deleted")
        return [keyOf(change.object), ...(change.type === "added" ? quotasOf(change, caches) : [])];
      const quotas = quotasOf(change, caches);
      const changes =
        quotas.length > 0 && (change.type !== "modified" || countsOtherwise(resource.id, change.old, change.object));
      return changes ? quotas : [];
    },
  };
}

/** Most changes of objects change nothing that a quota counts. */
function countsOtherwise(resourceId: string, before: KubeObject, now: KubeObject): boolean {
  const texts = (object: KubeObject): string =>
    [...usageOf(resourceId, object)].map(([name, amount]) => `${name}=${amount.toString()}`).join();
  return texts(before) !== texts(now);
}

/** A quota on storage or processors needs not count secrets. */
function mayCount(quota: ResourceQuota, resourceId: string): boolean {
  const names = Object.keys(quota.spec.hard ?? {});
  if (resourceId === "pods" || resourceId === "persistentvolumeclaims" || resourceId === "services") return true;
  return names.includes(resourceId) || names.includes(`count/${resourceId}`);
}

/** Pure. */
export function planQuota({ quota, objects }: QuotaObservation): Plan {
  const hard = quota.spec.hard ?? {};
  const sums = new Map(Object.keys(hard).map((name) => [name, Quantity.zero]));
  for (const [resourceId, list] of objects)
    for (const object of list) {
      if (!quotaCovers(quota, resourceId, object)) continue;
      for (const [name, amount] of usageOf(resourceId, object)) {
        const sum = sums.get(name);
        if (sum) sums.set(name, sum.add(amount));
      }
    }
  const used = Object.fromEntries([...sums].map(([name, sum]) => [name, sum.toString()]));
  const status = { hard: { ...hard }, used };
  return deepEqual(quota.status, status) ? nothing : { actions: [updateStatus(resourceQuotas, { ...quota, status })] };
}
