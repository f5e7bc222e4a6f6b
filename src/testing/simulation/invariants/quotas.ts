/** Quotas: never exceeded by what is let in, and counted right in the end. */
import { Quantity } from "#machinery/quantity.ts";
import type { KubeObject } from "#machinery/meta.ts";
import { countedBy, quotaCovers, usageOf } from "#resources/core/quota-usage.ts";
import { resourceQuotas, type ResourceQuota } from "#resources/core/resource-quota.ts";
import type { Change, History } from "../history.ts";
import type { Finding, Invariant, Settlement } from "./invariant.ts";

/** What there is of all that a name of the quota counts. */
function recount(quota: ResourceQuota, name: string, history: History): Quantity {
  const counted = countedBy(name);
  let sum = Quantity.zero;
  for (const [resource, object] of history.everything())
    if (resource === counted && object.metadata.namespace === quota.metadata.namespace)
      sum = sum.add(usage({ quota, name, resource }, object));
  return sum;
}

function usage(
  { quota, name, resource }: { readonly quota: ResourceQuota; readonly name: string; readonly resource: string },
  object: KubeObject | undefined,
): Quantity {
  if (!object || !quotaCovers(quota, resource, object)) return Quantity.zero;
  return usageOf(resource, object).get(name) ?? Quantity.zero;
}

/** True when the limits are what they were when everybody was last told. */
function isInForce({ spec, status }: ResourceQuota): boolean {
  const [wanted, told] = [spec.hard, status.hard].map((hard) => JSON.stringify(hard ?? {}));
  return wanted === told && (wanted === "{}" || status.used !== undefined);
}

function exceeded({ resource, key, before, after }: Change, history: History): string | undefined {
  if (!after || key.namespace === "") return undefined;
  for (const quota of history.all(resourceQuotas, key.namespace)) {
    if (!isInForce(quota)) continue;
    for (const [name, hard] of Object.entries(quota.status.hard ?? {})) {
      if (countedBy(name) !== resource) continue;
      const asked = { quota, name, resource };
      if (usage(asked, after).compare(usage(asked, before)) <= 0) continue;
      const found = recount(quota, name, history);
      if (found.compare(Quantity.parse(hard)) > 0)
        return `quota ${quota.metadata.name} lets ${name}=${hard} in, found ${String(found.approximate())}`;
    }
  }
  return undefined;
}

function* miscounted(history: History): Generator<Finding> {
  for (const quota of history.all(resourceQuotas)) {
    const about = `resourcequotas ${quota.metadata.namespace}/${quota.metadata.name}`;
    if (!isInForce(quota)) yield { about, found: "its status is not about its spec" };
    for (const name of Object.keys(quota.status.hard ?? {})) {
      const [used, found] = [quota.status.used?.[name] ?? "nothing", recount(quota, name, history)];
      if (used === "nothing" || Quantity.parse(used).compare(found) !== 0)
        yield { about, found: `used ${name}=${used}, and there are ${String(found.approximate())}` };
    }
  }
}

export const quotaInvariants: readonly Invariant[] = [{ name: "no quota is exceeded", check: exceeded }];
export const quotaSettlements: readonly Settlement[] = [{ name: "a quota counts what there is", check: miscounted }];
