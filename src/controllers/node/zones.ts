/**
 * How fast pods are driven out of silent nodes. One node after the other while a zone is well; more slowly, or not at
 * all, when most of it is silent, for then the fault is more likely the network's; and never while no node of any zone
 * is ready, for then it is ours. Memory of the controller; numbers and rules are upstream's.
 *
 * @see https://kubernetes.io/docs/concepts/architecture/nodes/#rate-limits-on-eviction
 */
import { own } from "#base/own.ts";
import type { Node } from "#resources/core/node.ts";
import { isTrue } from "../conditions.ts";

export type ZoneState = "Normal" | "PartialDisruption" | "FullDisruption";

/** What a node that is not ready is to expect. */
export type Turn =
  | { readonly kind: "now" }
  | { readonly kind: "later"; readonly inMs: number }
  /** No node at all is ready: what was begun is taken back. */
  | { readonly kind: "stopped" };

interface Zone {
  ready: number;
  notReady: number;
  /** When the last node of it had its turn, by the clock that only goes forward. */
  lastMs: number;
}

interface Counted {
  readonly zone: string;
  readonly ready: boolean;
}

/** 0.1 nodes a second. */
const everyMs = 10_000;
/** 0.01 nodes a second, in a zone of which most is silent. */
const everyMsDisrupted = 100_000;
/** Smaller zones are let be when most of them is silent. */
const largeZone = 50;
const disruptedShare = 0.55;
const disruptedMin = 2;
/** What keeps a node out of these counts. */
const excludedLabel = "node.kubernetes.io/exclude-disruption";

export class Zones {
  private readonly nodes = new Map<string, Counted>();
  private readonly zones = new Map<string, Zone>();

  get size(): number {
    return this.nodes.size + this.zones.size;
  }

  /** Counts the node as it is now. */
  note(node: Node): void {
    const name = node.metadata.name ?? "";
    const labels = node.metadata.labels ?? {};
    if (Object.hasOwn(labels, excludedLabel)) {
      this.forget(name);
      return;
    }
    const counted = { zone: zoneOf(node), ready: isTrue(node.status.conditions, "Ready") };
    const before = this.nodes.get(name);
    if (before?.zone === counted.zone && before.ready === counted.ready) return;
    const zone = this.zones.get(counted.zone) ?? { ready: 0, notReady: 0, lastMs: -Infinity };
    this.zones.set(counted.zone, zone);
    zone[counted.ready ? "ready" : "notReady"] += 1;
    this.forget(name);
    this.nodes.set(name, counted);
  }

  forget(name: string): void {
    const counted = this.nodes.get(name);
    const zone = counted && this.zones.get(counted.zone);
    if (!zone) return;
    zone[counted.ready ? "ready" : "notReady"] -= 1;
    this.nodes.delete(name);
    if (zone.ready + zone.notReady === 0) this.zones.delete(counted.zone);
  }

  stateOf(name: string): ZoneState {
    const zone = this.zones.get(name);
    if (!zone || zone.notReady === 0) return "Normal";
    if (zone.ready === 0) return "FullDisruption";
    const share = zone.notReady / (zone.ready + zone.notReady);
    return zone.notReady > disruptedMin && share >= disruptedShare ? "PartialDisruption" : "Normal";
  }

  /** True while no node of the cluster is ready. */
  get stopped(): boolean {
    return this.zones.size > 0 && [...this.zones.values()].every(({ ready }) => ready === 0);
  }

  /** Asks for the turn of a node that is not ready; "now" takes it, and the next of its zone waits. */
  turn(node: Node, nowMs: number): Turn {
    if (this.stopped) return { kind: "stopped" };
    const name = zoneOf(node);
    const zone = this.zones.get(name);
    // A node that is kept out of the counts does not wait for others.
    if (!zone) return { kind: "now" };
    const pauseMs = this.pauseMs(name, zone);
    if (pauseMs === Infinity) return { kind: "later", inMs: Infinity };
    const inMs = zone.lastMs + pauseMs - nowMs;
    if (inMs > 0) return { kind: "later", inMs };
    zone.lastMs = nowMs;
    return { kind: "now" };
  }

  private pauseMs(name: string, zone: Zone): number {
    if (this.stateOf(name) !== "PartialDisruption") return everyMs;
    return zone.ready + zone.notReady > largeZone ? everyMsDisrupted : Infinity;
  }
}

function zoneOf({ metadata: { labels = {} } }: Node): string {
  const label = (name: string): string => {
    const [now, before] = [`topology.kubernetes.io/${name}`, `failure-domain.beta.kubernetes.io/${name}`];
    return own(labels, now) ?? own(labels, before) ?? "";
  };
  return `${label("region")}/${label("zone")}`;
}
