/**
 * When each node was last heard of, by this process's own clock that only goes forward: the node's clock may be wrong,
 * and the wall clock here may jump. Memory of the controller.
 */
import { view, type Seen } from "#machinery/view.ts";
import { leases } from "#resources/coordination/lease.ts";
import type { Node } from "#resources/core/node.ts";
import { conditionOf } from "../conditions.ts";

export const leaseView = view(leases, { spec: { renewTime: true } });

interface Heard {
  readonly sign: string;
  readonly atMs: number;
  /** When the node was to be looked at for its silence; undefined once it was. */
  readonly dueMs: number | undefined;
}

export interface Beat {
  readonly node: Node;
  readonly lease: Seen<typeof leaseView> | undefined;
  /** How long the node may be silent. */
  readonly graceMs: number;
}

// A look that comes so much later than it was due says that this process stood still, and what the node said meanwhile
// waits to be read.
const lateMs = 5_000;

export class Heartbeats {
  private readonly byNode = new Map<string, Heard>();

  get size(): number {
    return this.byNode.size;
  }

  /** @returns How much longer the node may be silent, and whether this is the first look at it. */
  note(beat: Beat, nowMs: number): { readonly leftMs: number; readonly first: boolean } {
    const name = beat.node.metadata.name ?? "";
    const posted = conditionOf(beat.node.status.conditions, "Ready")?.lastHeartbeatTime ?? "";
    const sign = `${beat.lease?.spec.renewTime ?? ""} ${posted}`;
    const known = this.byNode.get(name);
    const stoodStill = known?.dueMs !== undefined && nowMs > known.dueMs + lateMs;
    const atMs = known?.sign === sign && !stoodStill ? known.atMs : nowMs;
    const dueMs = atMs + beat.graceMs;
    this.byNode.set(name, { sign, atMs, dueMs: dueMs > nowMs ? dueMs : undefined });
    return { leftMs: dueMs - nowMs, first: known === undefined };
  }

  forget(name: string): void {
    this.byNode.delete(name);
  }
}
