/** A node has room for what a pod asks for; emptier nodes are better. */
import { amountsOf, type PodRequests } from "../amounts.ts";
import type { NodeInfo } from "../node-info.ts";
import { check, scoreMax, type Filter, type Hint, type Rejection, type Scorer } from "../plugin.ts";
import type { PodFacts } from "../pod-facts.ts";

function fits({ cpu, memory, others }: PodRequests, node: NodeInfo): boolean {
  if (node.pods.size >= node.podsMax) return false;
  if (cpu > 0 && cpu > node.allocatableCpu - node.requestedCpu) return false;
  if (memory > 0 && memory > node.allocatableMemory - node.requestedMemory) return false;
  for (const [name, amount] of others) if (amount > node.allocatable(name) - node.requested(name)) return false;
  return true;
}

function rejection({ all }: PodRequests, node: NodeInfo): Rejection {
  const reasons: string[] = [];
  let isResolvable = true;
  if (node.pods.size >= node.podsMax) reasons.push("Too many pods");
  for (const [name, amount] of all) {
    const allocatable = node.allocatable(name);
    if (amount <= allocatable - node.requested(name)) continue;
    reasons.push(`Insufficient ${name}`);
    if (amount > allocatable) isResolvable = false;
  }
  return { reasons, resolvable: isResolvable };
}

export const nodeResourcesFit: Filter = ({ requests }) => {
  // Of thousands of nodes most lack the same.
  const known = new Map<number, Rejection>();
  return check((node) => {
    if (fits(requests, node)) return undefined;
    const lacks = lackOf(requests, node);
    const same = known.get(lacks);
    if (same) return same;
    const found = rejection(requests, node);
    if (requests.all.size <= toldApartMax) known.set(lacks, found);
    return found;
  });
};

// More digits than a number has cannot be told apart.
const toldApartMax = 30;

/** A number that says what the node lacks, and whether it would without other pods: a digit for each resource. */
function lackOf({ all }: PodRequests, node: NodeInfo): number {
  let lacks = node.pods.size >= node.podsMax ? 1 : 0;
  for (const [name, amount] of all) {
    const allocatable = node.allocatable(name);
    const lack = amount > allocatable ? 2 : amount > allocatable - node.requested(name) ? 1 : 0;
    lacks = lacks * 3 + lack;
  }
  return lacks;
}

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
    const cpu = free(node.usedCpu + requests.usedCpu, node.allocatableCpu);
    const memory = free(node.usedMemory + requests.usedMemory, node.allocatableMemory);
    if (cpu === undefined || memory === undefined) return cpu ?? memory ?? 0;
    return Math.trunc((cpu + memory) / 2);
  });

/** Undefined when the node has none of it. */
function free(requested: number, allocatable: number): number | undefined {
  if (allocatable === 0) return undefined;
  return requested > allocatable ? 0 : Math.trunc(((allocatable - requested) * scoreMax) / allocatable);
}
