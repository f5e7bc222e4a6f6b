/**
 * The node's lease, whose renewal says that the node lives. It depends on nothing else here: a runtime that hangs, or a
 * status that cannot be written, makes the node unready, but does not make it disappear.
 *
 * @see https://kubernetes.io/docs/concepts/architecture/leases/#node-heart-beats
 */
import { rfc3339Micro, type Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import { Reconciled } from "#base/reconciled.ts";
import type { Client } from "#client/client.ts";
import { isReason } from "#machinery/status.ts";
import { leases } from "#resources/coordination/lease.ts";
import type { Node } from "#resources/core/node.ts";

export interface NodeLeaseParts {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Log;
  readonly nodeName: string;
  /** The node's object, once it is known: it owns the lease. */
  readonly node: () => Node | undefined;
  /** Called when the machine was not running for a while, or its wall clock was set. */
  readonly jumped: () => void;
}

const namespace = "kube-node-lease";
const leaseSeconds = 40;
const renewMs = 10_000;
/** Two clocks that part by more than this between two beats were not merely read a moment apart. */
const jumpMs = 2_000;

interface Beat {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

export class NodeLease {
  private readonly parts: NodeLeaseParts;
  private readonly loop: Reconciled<string, undefined, string>;
  private known = false;
  private last: Beat | undefined;

  constructor(parts: NodeLeaseParts) {
    this.parts = parts;
    this.loop = new Reconciled(
      {
        name: "node-lease",
        // Nothing is looked at: a renewal is due whatever the lease shows.
        observe: () => Promise.resolve(undefined),
        compare: (wanted) => wanted,
        act: () => this.beat(),
      },
      { clock: parts.clock, log: parts.log, lookEveryMs: renewMs, turnMs: renewMs },
    );
  }

  async run(signal: AbortSignal): Promise<void> {
    this.loop.want(this.parts.nodeName);
    await this.loop.run(signal);
  }

  private async beat(): Promise<void> {
    const { clock, jumped } = this.parts;
    const now: Beat = { wallMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
    const { last } = this;
    this.last = now;
    const wallMs = last ? now.wallMs - last.wallMs : 0;
    const monotonicMs = last ? now.monotonicMs - last.monotonicMs : 0;
    // A suspended machine's monotonic clock stands still; a stopped process' goes on, without it.
    if (Math.abs(wallMs - monotonicMs) > jumpMs || monotonicMs > 2 * renewMs + jumpMs) jumped();
    await this.renew(rfc3339Micro(now.wallMs));
  }

  private async renew(renewTime: string): Promise<void> {
    const { client, nodeName: name } = this.parts;
    if (this.known) {
      try {
        // Nothing but the time changes, so that the API server need not write it down at once.
        await client.patch(
          { resource: leases, key: { namespace, name } },
          { type: "merge", body: { spec: { renewTime } } },
        );
        return;
      } catch (error) {
        if (!isReason(error, "NotFound")) throw error;
        this.known = false;
      }
    }
    await this.create(renewTime);
  }

  private async create(renewTime: string): Promise<void> {
    const { client, nodeName: name } = this.parts;
    const uid = this.parts.node()?.metadata.uid;
    const owner = { apiVersion: "v1", kind: "Node", name, uid: uid ?? "" };
    try {
      await client.create(leases, {
        apiVersion: leases.apiVersion,
        kind: leases.kind,
        metadata: { name, namespace, ...(uid !== undefined && { ownerReferences: [owner] }) },
        spec: { holderIdentity: name, leaseDurationSeconds: leaseSeconds, renewTime },
      });
    } catch (error) {
      if (!isReason(error, "AlreadyExists")) throw error;
      // One of an earlier life: its time is not of this one.
      this.known = true;
      await this.renew(renewTime);
    }
    this.known = true;
  }
}
