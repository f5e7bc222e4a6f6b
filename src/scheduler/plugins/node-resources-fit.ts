/** A node has room for what a pod asks for; emptier nodes are better. */
import { amountsOf } from "../amounts.ts";
import type { NodeInfo } from "../node-info.ts";
import { check, scoreMax, type Filter, type Hint, type Rejection, type Scorer } from "../plugin.ts";
import type { PodFacts } from "../pod-facts.ts";

function rejection(pod: PodFacts, node: NodeInfo): Rejection | undefined {
  let reasons: string[] | undefined;
  let isResolvable = true;
  if (node.pods.size + 1 > node.allocatable("pods")) reasons = ["Too many pods"];
  for (const [name, amount] of pod.requests.all) {
    const allocatable = node.allocatable(name);
    if (amount <= allocatable - (node.requested.get(name) ?? 0)) continue;
    (reasons ??= []).push(`Insufficient ${name}`);
    if (amount > allocatable) isResolvable = false;
  }
  return reasons ? { reasons, resolvable: isResolvable } : undefined;
}

export const nodeResourcesFit: Filter = (pod) => check((node) => rejection(pod, node));

export const nodeResourcesFitHint: Hint = (pod, event) => {
  switch (event.kind) {
    case "node":
      return hasRoomInPrinciple(pod, event.node.status.allocatable);
    case "podGone":
      return true;
    case "podChanged":
      return [...event.old.requests.all].some(([name, amount]) => amount > (event.pod.requests.all.get(name) ?? 0));
    case "podPlaced":
    case "nodeGone":
    case "storage":
    case "namespace":
      return false;
  }
};

function hasRoomInPrinciple(pod: PodFacts, allocatable: Readonly<Record<string, string>> | undefined): boolean {
  const has = amountsOf(allocatable);
  return [...pod.requests.all].every(([name, amount]) => amount <= (has.get(name) ?? 0));
}

export const leastAllocated: Scorer = ({ requests }, _, nodes) =>
  nodes.map((node) => {
    const parts = [
      free(node.usedCpu + requests.usedCpu, node.allocatable("cpu")),
      free(node.usedMemory + requests.usedMemory, node.allocatable("memory")),
    ].filter((part) => part !== undefined);
    return parts.length === 0 ? 0 : Math.trunc(parts.reduce((sum, part) => sum + part, 0) / parts.length);
  });

/** Undefined when the node has none of it. */
function free(requested: number, allocatable: number): number | undefined {
  if (allocatable === 0) return undefined;
  return requested > allocatable ? 0 : Math.trunc(((allocatable - requested) * scoreMax) / allocatable);
}
