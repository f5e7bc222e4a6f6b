/**
 * Refuses what would exceed a resource quota, and counts what it lets through in the quota's status, in one commit with
 * the object: two writes at the same time cannot both take the last of it, and what was not written was not charged.
 * What goes is given back by the quota controller, which counts what there is; its count is refused when a write was
 * charged since it looked.
 *
 * @see https://kubernetes.io/docs/concepts/policy/resource-quotas/
 */
import { own } from "#base/own.ts";
import type { KubeObject } from "#machinery/meta.ts";
import { Quantity } from "#machinery/quantity.ts";
import { untyped } from "#machinery/resource.ts";
import { forbidden } from "#machinery/status.ts";
import { resourceQuotas, type ResourceQuota } from "#resources/core/resource-quota.ts";
import { quotaCovers, uncounted, usageOf, type Amounts } from "#resources/core/quota-usage.ts";
import type { Entry, Revision } from "#storage/store.ts";
import type { AdmissionPlugin, AdmissionRequest, Companion, CompanionFate } from "../access.ts";
import type { Core } from "../call.ts";
import { StoredObject } from "../stored-object.ts";
import type { WatchCache } from "../watch-cache.ts";
import { targetOf } from "./target.ts";

const none: readonly Companion[] = [];

export function resourceQuota(core: Pick<Core, "registry">): AdmissionPlugin {
  const quotas = untyped(resourceQuotas);
  return {
    name: "ResourceQuota",
    handles: (request) =>
      request.key.namespace !== "" &&
      request.resource.namespaced &&
      (request.subresource === "" || request.subresource === "resize") &&
      (request.operation === "create" || request.operation === "update") &&
      !uncounted.has(request.resource.id),
    companions: (request) => {
      const cache = core.registry.of(quotas)?.cache;
      if (!cache) return none;
      const loading = cache.ready();
      return loading ? loading.then(() => chargesOf(cache, request)) : chargesOf(cache, request);
    },
  };
}

function chargesOf(cache: WatchCache, request: AdmissionRequest): readonly Companion[] {
  if (cache.size === 0 || !mayGrow(request)) return none;
  return cache.inNamespace(request.key.namespace).map(({ storeKey }) => new Charge(cache, storeKey, request));
}

/** Most updates use no more than before, whatever a quota counts; of pods also which quotas count them may change. */
function mayGrow({ resource, object, old }: AdmissionRequest): boolean {
  if (!object || !old || resource.id === "pods") return true;
  const before = usageOf(resource.id, old);
  return [...usageOf(resource.id, object)].some(
    ([name, amount]) => amount.compare(before.get(name) ?? Quantity.zero) > 0,
  );
}

/** What one write takes of one quota. */
class Charge implements Companion {
  readonly key: string;
  private readonly cache: WatchCache;
  private readonly request: AdmissionRequest;

  constructor(cache: WatchCache, key: string, request: AdmissionRequest) {
    this.cache = cache;
    this.key = key;
    this.request = request;
  }

  held(seen: Revision): Entry | undefined | Promise<Entry | undefined> {
    const { cache, key } = this;
    if (seen <= cache.revision) return cache.get(key)?.entry;
    return cache.seen(seen, this.request.signal).then(() => cache.get(key)?.entry);
  }

  next(held: Entry | undefined): Uint8Array | CompanionFate {
    const { kind } = this.cache;
    const read = held && kind.read(held);
    // A quota that is gone limits nothing any more, and one that cannot be read is told of elsewhere.
    if (!(read instanceof StoredObject)) return "keep";
    // Holds because only quotas are stored there.
    const quota = read.object as ResourceQuota;
    refuseUnspecified(quota, this.request);
    const delta = deltaOf(quota, this.request);
    if (delta.size === 0) return "keep";
    refuseExcess(quota, delta, this.request);
    return kind.encode(withUsage(quota, delta));
  }
}

/** What the write adds under the names the quota limits. Only growth is charged: the controller gives back the rest. */
function deltaOf(quota: ResourceQuota, request: AdmissionRequest): Amounts {
  const hard = quota.status.hard ?? {};
  const object = request.object;
  const delta = new Map<string, Quantity>();
  if (!object || !quotaCovers(quota, request.resource.id, object)) return delta;
  const before = beforeUsage(quota, request);
  for (const [name, amount] of usageOf(request.resource.id, object)) {
    if (!Object.hasOwn(hard, name)) continue;
    const grown = amount.sub(before.get(name) ?? Quantity.zero);
    if (!grown.isZero && !grown.isNegative) delta.set(name, grown);
  }
  return delta;
}

function beforeUsage(quota: ResourceQuota, request: AdmissionRequest): Amounts {
  const old: KubeObject | undefined = request.old;
  return old && quotaCovers(quota, request.resource.id, old) ? usageOf(request.resource.id, old) : new Map();
}

function refuseExcess(quota: ResourceQuota, delta: Amounts, request: AdmissionRequest): void {
  const hard = quota.status.hard ?? {};
  const used = quota.status.used ?? {};
  const over = [...delta].filter(([name, amount]) => {
    const sum = Quantity.parse(own(used, name) ?? "0").add(amount);
    return sum.compare(Quantity.parse(own(hard, name) ?? "0")) > 0;
  });
  if (over.length === 0) return;
  const names = over.map(([name]) => name).toSorted();
  const list = (of: (name: string) => string): string => names.map((name) => `${name}=${of(name)}`).join(",");
  throw forbidden(
    targetOf(request),
    `exceeded quota: ${quota.metadata.name}, requested: ${list((name) => delta.get(name)?.toString() ?? "0")}, ` +
      `used: ${list((name) => own(used, name) ?? "0")}, limited: ${list((name) => own(hard, name) ?? "0")}`,
  );
}

const mustBeSpecified = new Set(["cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"]);

/** A quota on cpu or memory can only count pods that say what they need. */
function refuseUnspecified(quota: ResourceQuota, request: AdmissionRequest): void {
  if (request.resource.id !== "pods" || !request.object || request.operation !== "create") return;
  if (!quotaCovers(quota, "pods", request.object)) return;
  const usage = usageOf("pods", request.object);
  const missing = Object.keys(quota.status.hard ?? {}).filter((name) => mustBeSpecified.has(name) && !usage.has(name));
  if (missing.length === 0) return;
  throw forbidden(
    targetOf(request),
    `failed quota: ${quota.metadata.name}: must specify ${missing.toSorted().join(",")}`,
  );
}

function withUsage(quota: ResourceQuota, delta: Amounts): ResourceQuota {
  const used = { ...quota.status.used };
  for (const [name, amount] of delta)
    used[name] = Quantity.parse(own(used, name) ?? "0")
      .add(amount)
      .toString();
  return { ...quota, status: { ...quota.status, used } };
}
