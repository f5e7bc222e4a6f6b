/**
 * Refuses what would exceed a resource quota, and counts what it lets through in the quota's status at once, so that
 * two writes at the same time cannot both take the last of it. The quota controller recounts later.
 *
 * @see https://kubernetes.io/docs/concepts/policy/resource-quotas/
 */
import type { Client } from "#client/client.ts";
import type { KubeObject } from "#machinery/meta.ts";
import { Quantity } from "#machinery/quantity.ts";
import { conflict, forbidden, isReason } from "#machinery/status.ts";
import { resourceQuotas, type ResourceQuota } from "#resources/core/resource-quota.ts";
import { quotaCovers, usageOf, type Amounts } from "#resources/core/quota-usage.ts";
import type { AdmissionPlugin, AdmissionRequest } from "../access.ts";
import { targetOf } from "./target.ts";

// A quota whose status changes under us this often is written by something that fights us.
const attemptsMax = 10;

interface Charge {
  readonly name: string;
  readonly namespace: string;
  readonly amounts: Amounts;
}

export function resourceQuota(client: Client): AdmissionPlugin {
  // Writes of one namespace are admitted one after another: they share its quotas.
  const lines = new Map<string, Promise<void>>();
  const taken = new WeakMap<AdmissionRequest, readonly Charge[]>();
  const inLine = (namespace: string, work: () => Promise<void>): Promise<void> => {
    const turn = (lines.get(namespace) ?? Promise.resolve()).then(work, work);
    lines.set(namespace, turn);
    // The waiting write sees the failure; the line only forgets itself when it is the last.
    turn.catch(() => undefined).finally(() => lines.get(namespace) === turn && lines.delete(namespace));
    return turn;
  };
  return {
    name: "ResourceQuota",
    handles: (request) =>
      request.key.namespace !== "" &&
      request.resource.namespaced &&
      request.subresource === "" &&
      (request.operation === "create" || request.operation === "update") &&
      request.resource.id !== "events",
    validate: async (request) => {
      const { items } = await client.list(resourceQuotas, { namespace: request.key.namespace });
      if (items.length === 0) return;
      await inLine(request.key.namespace, async () => {
        taken.set(request, await charge(client, request));
      });
    },
    rollback: (request) => {
      const charges = taken.get(request) ?? [];
      taken.delete(request);
      // Best effort: the quota controller recounts in any case.
      for (const one of charges) void refund(client, one).catch(() => undefined);
    },
  };
}

async function charge(client: Client, request: AdmissionRequest): Promise<readonly Charge[]> {
  const charges: Charge[] = [];
  const { items } = await client.list(resourceQuotas, { namespace: request.key.namespace });
  for (const quota of items) {
    const amounts = await chargeOne(client, quota, request);
    if (amounts.size > 0) charges.push({ name: quota.metadata.name ?? "", namespace: request.key.namespace, amounts });
  }
  return charges;
}

async function chargeOne(client: Client, listed: ResourceQuota, request: AdmissionRequest): Promise<Amounts> {
  let quota = listed;
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
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
      quota = await client.get(resourceQuotas, { namespace: request.key.namespace, name: quota.metadata.name ?? "" });
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
    if (!(name in hard)) continue;
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
    const sum = Quantity.parse(used[name] ?? "0").add(amount);
    return sum.compare(Quantity.parse(hard[name] ?? "0")) > 0;
  });
  refuseUnspecified(quota, request);
  if (over.length === 0) return;
  const names = over.map(([name]) => name).toSorted();
  const list = (of: (name: string) => string): string => names.map((name) => `${name}=${of(name)}`).join(",");
  throw forbidden(
    targetOf(request),
    `exceeded quota: ${quota.metadata.name}, requested: ${list((name) => delta.get(name)?.toString() ?? "0")}, ` +
      `used: ${list((name) => used[name] ?? "0")}, limited: ${list((name) => hard[name] ?? "0")}`,
  );
}

const mustBeSpecified = new Set(["cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"]);

/** A quota on cpu or memory can only count pods that say what they need. */
function refuseUnspecified(quota: ResourceQuota, request: AdmissionRequest): void {
  if (request.resource.id !== "pods" || !request.object || request.operation !== "create") return;
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
    used[name] = Quantity.parse(used[name] ?? "0")
      .add(amount)
      .toString();
  return { ...quota, status: { ...quota.status, used } };
}

async function refund(client: Client, taken: Charge): Promise<void> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const quota = await client.get(resourceQuotas, { namespace: taken.namespace, name: taken.name });
    const negative = new Map([...taken.amounts].map(([name, amount]) => [name, Quantity.zero.sub(amount)]));
    try {
      await client.update(resourceQuotas, withUsage(quota, negative), { subresource: "status" });
      return;
    } catch (error) {
      if (!isReason(error, "Conflict")) throw error;
    }
  }
}
