/** The domains of one topology: nodes with the same value under its key. Each domain is a small number. */
import { own } from "#base/own.ts";
import type { NodeInfo } from "./node-info.ts";

const nowhere = -1;

export class Topology {
  readonly key: string;
  /** How many domains there are. */
  readonly size: number;
  private readonly domains: Int32Array;

  /** @param nodes Each at its slot. */
  constructor(key: string, nodes: readonly NodeInfo[]) {
    this.key = key;
    this.domains = new Int32Array(nodes.length).fill(nowhere);
    const byValue = new Map<string, number>();
    for (const { slot, labels } of nodes) {
      const value = own(labels, key);
      if (value === undefined) continue;
      const domain = byValue.get(value) ?? byValue.size;
      byValue.set(value, domain);
      this.domains[slot] = domain;
    }
    this.size = byValue.size;
  }

  /** The node's domain; undefined when it is in none. */
  domainOf({ slot }: NodeInfo): number | undefined {
    const domain = this.domains[slot] ?? nowhere;
    return domain === nowhere ? undefined : domain;
  }
}
