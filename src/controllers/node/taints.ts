/** The taints that follow from the conditions of a node. Pure. */
import { rfc3339 } from "#base/clock.ts";
import { conditionOf } from "../conditions.ts";
import type { Node, Taint } from "#resources/core/node.ts";

const prefix = "node.kubernetes.io/";
export const notReady = `${prefix}not-ready`;
export const unreachable = `${prefix}unreachable`;

const pressures: Readonly<Record<string, string>> = {
  MemoryPressure: `${prefix}memory-pressure`,
  DiskPressure: `${prefix}disk-pressure`,
  PIDPressure: `${prefix}pid-pressure`,
  NetworkUnavailable: `${prefix}network-unavailable`,
};
const unschedulable = `${prefix}unschedulable`;
const ours = new Set([notReady, unreachable, unschedulable, ...Object.values(pressures)]);

export interface TaintRules {
  readonly nowMs: number;
  /** False while the turn of this node has not come, and while no node at all is ready. */
  readonly evicts: boolean;
}

/** It has had its turn: pods that do not tolerate it are leaving. */
export function isDrivenOut(node: Node): boolean {
  return (node.spec.taints ?? []).some(
    ({ key, effect }) => effect === "NoExecute" && (key === notReady || key === unreachable),
  );
}

/** The taints a node should have: those of others as they are, then ours. */
export function wishedTaints(node: Node, { nowMs, evicts }: TaintRules): readonly Taint[] {
  const existing = node.spec.taints ?? [];
  const ready = conditionOf(node.status.conditions, "Ready")?.status;
  const state = ready === "False" ? notReady : ready === "Unknown" ? unreachable : undefined;
  const wished: Taint[] = [];
  const add = (key: string, effect: Taint["effect"]): void => {
    const known = existing.find((taint) => taint.key === key && taint.effect === effect);
    wished.push(known ?? { key, effect, timeAdded: rfc3339(nowMs) });
  };
  if (state !== undefined) {
    add(state, "NoSchedule");
    if (evicts) add(state, "NoExecute");
  }
  for (const [type, key] of Object.entries(pressures))
    if (conditionOf(node.status.conditions, type)?.status === "True") add(key, "NoSchedule");
  if (node.spec.unschedulable === true) add(unschedulable, "NoSchedule");
  // A node that has not said anything keeps the taint it registered with.
  const kept = existing.filter(
    (taint) =>
      !ours.has(taint.key) || taint.effect === "PreferNoSchedule" || (ready === undefined && taint.key === notReady),
  );
  return [...kept, ...wished];
}
