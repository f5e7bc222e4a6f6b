/** A node is better when its processor and its memory are used to the same degree. */
import type { PodRequests } from "../amounts.ts";
import type { NodeInfo } from "../node-info.ts";
import { scoreMax, type Scorer } from "../plugin.ts";

export const balancedAllocation: Scorer = ({ requests }, _, nodes) => {
  if (requests.cpu === 0 && requests.memory === 0) return undefined;
  return nodes.map((node) => balance(requests, node));
};

function balance({ cpu, memory }: PodRequests, node: NodeInfo): number {
  const { allocatableCpu, allocatableMemory } = node;
  if (allocatableCpu === 0 || allocatableMemory === 0) return scoreMax;
  const ofCpu = Math.min(1, (node.requestedCpu + cpu) / allocatableCpu);
  const ofMemory = Math.min(1, (node.requestedMemory + memory) / allocatableMemory);
  return Math.trunc((1 - Math.abs(ofCpu - ofMemory) / 2) * scoreMax);
}
