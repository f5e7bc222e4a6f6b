/** A node is better when its processor and its memory are used to the same degree. */
import { scoreMax, type Scorer } from "../plugin.ts";

const balanced = ["cpu", "memory"];

export const balancedAllocation: Scorer = ({ requests }, _, nodes) => {
  if (balanced.every((name) => !requests.all.has(name))) return undefined;
  return nodes.map((node) => {
    const fractions = balanced
      .filter((name) => node.allocatable(name) > 0)
      .map((name) => {
        const requested = (node.requested.get(name) ?? 0) + (requests.all.get(name) ?? 0);
        return Math.min(1, requested / node.allocatable(name));
      });
    const [cpu = 0, memory = cpu] = fractions;
    return Math.trunc((1 - Math.abs(cpu - memory) / 2) * scoreMax);
  });
};
