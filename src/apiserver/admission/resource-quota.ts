/**
 * Refuses what would exceed a resource quota, and counts what it lets through in the quota's status at once, so that
 * two writes at the same time cannot both take the last of it. The quota controller recounts later, in a turn of the
 * same line, when no charged write is on its way: else it would miss one and give its share away twice.
 *
 * @see https://kubernetes.io/docs/concepts/policy/resource-quotas/
 */
import { own } from "#base/own.ts";
import type { Client } from "#client/client.ts";
import type { KubeObject, ObjectKey } from "#machinery/meta.ts";
import { Quantity } from "#machinery/quantity.ts";
import { conflict, forbidden, isReason } from "#machinery/status.ts";
import { resourceQuotas, type ResourceQuota } from "#resources/core/resource-quota.ts";
import { quotaCovers, uncounted, usageOf, type Amounts } from "#resources/core/quota-usage.ts";
import type { AdmissionPlugin, AdmissionRequest, WriteAttempt } from "../access.ts";
import { QuotaLines } from "./quota-lines.ts";
import { targetOf } from "./target.ts";

export { QuotaLines };

// A quota whose status changes under us this often is written by something that fights us.
const attemptsMax = 20;

interface Charge {
  readonly quota: ObjectKey;
  readonly amounts: Amounts;
}

export function resourceQuota(client: Client, lines: QuotaLines): AdmissionPlugin {
  // What attempts under way have charged.
  const taken = new Map<WriteAttempt, Charge[]>();
  return {
    name: "ResourceQuota",
    handles: (request) =>
      request.key.namespace !== "" &&
      request.resource.namespaced &&
      (request.subresource === "" || request.subresource === "resize") &&
      (request.operation === "create" || request.operation === "update") &&
      !uncounted.has(request.resource.id),
    validate: async (request, attempt) => {
      const { namespace } = request.key;
      const { items } = await client.list(resourceQuotas, { namespace });
      if (items.length === 0) return;
      const charges: Charge[] = [];
      taken.set(attempt, charges);
      await lines.charge(namespace, attempt, () => charge(client, request, charges));
    },
    ended: async (attempt, writtenAt) => {
      const charges = taken.get(attempt);
      if (!charges) return;
      taken.delete(attempt);
      try {
        if (writtenAt === undefined) for (const one of charges) await refund(client, one);
      } catch {
        // The recount gives it back.
      } finally {
        lines.settle(attempt);
      }
    },
  };
}

/** @param charges Filled as quotas are charged, also when a later one refuses. */
async function charge(client: Client, request: AdmissionRequest, charges: Charge[]): Promise<void> {
  const { namespace } = request.key;
  const { items } = await client.list(resourceQuotas, { namespace });
  for (const quota of items) {
    const amounts = await chargeOne(client, quota, request);
    if (amounts.size > 0) charges.push({ quota: { namespace, name: quota.metadata.name ?? "" }, amounts });
  }
}

async function chargeOne(client: Client, listed: ResourceQuota, request: AdmissionRequest): Promise<Amounts> {
  let quota = listed;
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    refuseUnspecified(quota, request);
    const delta = deltaOf(quota, request);
    if (delta.size === 0) return delta;
    refuseExcess(quota, delta, request);
    if (request.dryRun) return new Map();
    try {
      await client.update(resourceQuotas, withUsage(quota, delta), { subresource: "status" });
      return delta;
    } catch (error) {
      if (isReason(error, "NotFound")) return new Map();
      if (!isReason(error, "Conflict")) throw error;
    }
    try {
      quota = await client.get(resourceQuotas, { namespace: request.key.namespace, name: quota.metadata.name ?? "" });
    } catch (error) {
      if (isReason(error, "NotFound")) return new Map();
      throw error;
    }
  }
  throw conflict(
    targetOf(request),
    "the object has been modified; please apply your changes to the latest version and try again",
  );
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

async function refund(client: Client, { quota: key, amounts }: Charge): Promise<void> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    try {
      const quota = await client.get(resourceQuotas, key);
      const negative = new Map([...amounts].map(([name, amount]) => [name, Quantity.zero.sub(amount)]));
      await client.update(resourceQuotas, withUsage(quota, negative), { subresource: "status" });
      return;
    } catch (error) {
      if (isReason(error, "NotFound")) return;
      if (!isReason(error, "Conflict")) throw error;
    }
  }
}
