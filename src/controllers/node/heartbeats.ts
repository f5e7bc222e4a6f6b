/** When each node was last heard of, by this process's clock: the node's own may be wrong. Memory of the controller. */
import type { Lease } from "#resources/coordination/lease.ts";
import type { Node } from "#resources/core/node.ts";
import { conditionOf } from "../conditions.ts";

interface Heard {
  readonly sign: string;
  readonly atMs: number;
}

export class Heartbeats {
  private readonly byNode = new Map<string, Heard>();

  /** @returns When the node was last heard of, and whether this is the first look at it. */
  note(node: Node, lease: Lease | undefined, nowMs: number): { readonly atMs: number; readonly first: boolean } {
    const name = node.metadata.name ?? "";
    const beat = conditionOf(node.status.conditions, "Ready")?.lastHeartbeatTime ?? "";
    const sign = `${lease?.spec.renewTime ?? ""} ${beat}`;
    const known = this.byNode.get(name);
    if (known?.sign === sign) return { atMs: known.atMs, first: false };
    this.byNode.set(name, { sign, atMs: nowMs });
    return { atMs: nowMs, first: known === undefined };
  }

  forget(name: string): void {
    this.byNode.delete(name);
  }
}
