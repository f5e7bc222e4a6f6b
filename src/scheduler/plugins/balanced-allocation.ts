/** A node is better when its processor and its memory are used to the same degree. */
import type { NodeInfo } from "../node-info.ts";
import { scoreMax, type Scorer } from "../plugin.ts";

export const balancedAllocation: Scorer = ({ requests }, _, nodes) => {
  if (!requests.all.has("cpu") && !requests.all.has("memory")) return undefined;
  const degree = (node: NodeInfo, name: string): number | undefined => {
    const allocatable = node.allocatable(name);
    if (allocatable === 0) return undefined;
    return Math.min(1, ((node.requested.get(name) ?? 0) + (requests.all.get(name) ?? 0)) / allocatable);
  };
  return nodes.map((node) => {
    const cpu = degree(node, "cpu");
    const memory = degree(node, "memory");
    const difference = cpu === undefined || memory === undefined ? 0 : Math.abs(cpu - memory);
    return Math.trunc((1 - difference / 2) * scoreMax);
  });
};
