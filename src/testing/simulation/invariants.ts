/** Everything that must hold of a cluster, whatever went wrong. */
import type { History } from "./history.ts";
import { addressInvariants } from "./invariants/addresses.ts";
import { countSettlements } from "./invariants/counts.ts";
import { deletionInvariants } from "./invariants/deletions.ts";
import { endSettlements } from "./invariants/ends.ts";
import type { Finding, Invariant, Settlement } from "./invariants/invariant.ts";
import { objectInvariants } from "./invariants/objects.ts";
import { podInvariants } from "./invariants/pods.ts";
import { quotaInvariants, quotaSettlements } from "./invariants/quotas.ts";

export const invariants: readonly Invariant[] = [
  ...objectInvariants,
  ...addressInvariants,
  ...podInvariants,
  ...quotaInvariants,
  ...deletionInvariants,
];

export { quotaSettlements };
export const settlements: readonly Settlement[] = [...endSettlements, ...countSettlements, ...quotaSettlements];

/** What does not hold yet, by the name of what is to hold. */
export function* unsettled(
  settlements: readonly Settlement[],
  history: History,
): Generator<Finding & { readonly name: string }> {
  for (const { name, check } of settlements) for (const finding of check(history)) yield { name, ...finding };
}
