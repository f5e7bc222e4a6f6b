/**
 * The service proxy: keeps the packet filter in step with Services and EndpointSlices. Changes are gathered for a
 * moment and applied as one transaction that holds only what changed. Others write to the packet filter too: what it
 * holds is looked at from outside, and made anew when it is not what was left there.
 */
import type { Clock } from "#base/clock.ts";
import type { Component } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import { Reconciled } from "#base/reconciled.ts";
import type { Informer, InformerFactory } from "#client/informer.ts";
import { answeredHere, servicesKeepOff, type ReservedPlace } from "./reserved.ts";
import { healthAnswers, healthPorts, type ServeHealth } from "./services/health-ports.ts";
import { changedTable, wholeTable } from "./services/nft-script.ts";
import { rulesOf, type Ruleset } from "./services/rules.ts";
import { udpPlaces, type UdpPlace } from "./services/udp.ts";
import { serviceView, sliceView, type ServiceSeen, type SliceSeen } from "./service-view.ts";

/** What the proxy needs of the machine. */
export interface PacketFilter {
  /** Applies a script of nft as one transaction. @throws Error with nft's sentence when it is refused; nothing changed then */
  apply(script: string, signal: AbortSignal): Promise<void>;
  /** Of the proxy's table as the kernel has it; undefined when it has none. Costs as much as the table is long. */
  digest(signal: AbortSignal): Promise<string | undefined>;
  /** Who answers UDP connections to this place, as the kernel has them. */
  udpPeers(place: UdpPlace, signal: AbortSignal): Promise<readonly string[]>;
  /** Forgets UDP connections to this place that go to `peer`. */
  forgetUdp(place: UdpPlace, peer: string, signal: AbortSignal): Promise<void>;
}

export interface ProxyOptions {
  readonly informers: InformerFactory;
  readonly filter: PacketFilter;
  /** Opens a port on this machine for load balancers that ask whether to send anything here. */
  readonly serveHealth: ServeHealth;
  readonly clock: Clock;
  readonly log: Log;
  readonly nodeName: string;
  readonly clusterCidr: string;
  /** What no Service may take over on this machine. */
  readonly reserved: readonly ReservedPlace[];
  /** Name of the table, unique to this data directory. */
  readonly table: string;
}

// Long enough to gather a rollout's burst, short enough that nobody waits.
const gatherMs = 20;
const lookEveryMs = 30_000;
// A look at a large table takes longer, so it comes less often: at most a hundredth of a core.
const lookShareMax = 0.01;
const serviceNameLabel = "kubernetes.io/service-name";

export function serviceProxy(options: ProxyOptions): Component {
  return { name: "proxy", run: (signal) => new ServiceProxy(options).run(signal) };
}

interface Held {
  /** Undefined when the kernel's table is not the one that was left there. */
  readonly rules: Ruleset | undefined;
}

interface Change {
  readonly before: Ruleset | undefined;
  readonly after: Ruleset;
  readonly script: string;
}

class ServiceProxy {
  private readonly options: ProxyOptions;
  private readonly log: Log;
  private applied: Ruleset | undefined;
  // Of the kernel's table after `applied`; undefined until the first look after a change.
  private left: string | undefined;
  private nextLookMs = 0;

  constructor(options: ProxyOptions) {
    this.options = options;
    this.log = options.log.for("proxy");
  }

  async run(signal: AbortSignal): Promise<void> {
    const { informers, clock } = this.options;
    const sources = { services: informers.informer(serviceView), slices: informers.informer(sliceView) };
    sources.slices.addIndex("service", (slice) => [serviceOf(slice)]);
    await Promise.all([sources.services.whenSynced(signal), sources.slices.whenSynced(signal)]);
    const filter = new Reconciled<Sources, Held, Change>(
      {
        name: "service rules",
        observe: (turn) => this.look(turn),
        compare: (all, held) => this.compare(all, held),
        act: (change, turn) => this.act(change, turn),
      },
      { clock, log: this.log, lookEveryMs, gatherMs },
    );
    const health = healthPorts({ ...this.options, log: this.log }, () =>
      healthAnswers(sources.services.list(), (service) => slicesOf(sources, service), this.options.nodeName),
    );
    // Called for every object: what there is to compute comes in a turn.
    const changed = (): void => {
      filter.look();
      health.look();
    };
    for (const informer of [sources.services, sources.slices]) informer.onChange(changed, signal);
    filter.want(sources);
    await Promise.all([filter.run(signal), health.run(signal)]);
  }

  /** Asks the kernel now and then; in between, what was left there is believed. */
  private async look(signal: AbortSignal): Promise<Held> {
    const { filter, clock } = this.options;
    const startMs = clock.monotonicMs();
    if (!this.applied || startMs < this.nextLookMs) return { rules: this.applied };
    const digest = await filter.digest(signal);
    const costMs = clock.monotonicMs() - startMs;
    this.nextLookMs = startMs + Math.max(lookEveryMs - gatherMs, costMs / lookShareMax);
    if (digest !== undefined && this.left === undefined) this.left = digest;
    if (digest !== undefined && digest === this.left) return { rules: this.applied };
    this.log.warn("somebody changed the service rules; they are made anew", { table: this.options.table });
    this.applied = undefined;
    return { rules: undefined };
  }

  private compare(sources: Sources, { rules: before }: Held): Change | undefined {
    const { table, clusterCidr, nodeName } = this.options;
    const answered = answeredHere(this.options.reserved);
    const forwarded = sources.services.list().filter(({ spec }) => !answered.has(spec.clusterIP ?? ""));
    const reserved = servicesKeepOff(this.options.reserved);
    const after = rulesOf(forwarded, (service) => slicesOf(sources, service), { nodeName, clusterCidr, reserved });
    const script = before ? changedTable(table, before, after) : wholeTable(table, clusterCidr, after);
    return script === "" ? undefined : { before, after, script };
  }

  private async act({ before, after, script }: Change, signal: AbortSignal): Promise<void> {
    const { filter } = this.options;
    // Unknown until the transaction is known to hold.
    this.applied = undefined;
    this.left = undefined;
    await filter.apply(script, signal);
    this.applied = after;
    // Connections may stick to an endpoint that is gone, or to an address before it was led anywhere.
    for (const { place, peers } of udpPlaces(before, after))
      for (const peer of await filter.udpPeers(place, signal))
        if (!peers.includes(peer)) await filter.forgetUdp(place, peer, signal);
  }
}

interface Sources {
  readonly services: Informer<ServiceSeen>;
  readonly slices: Informer<SliceSeen>;
}

function slicesOf(sources: Sources, { metadata }: ServiceSeen): readonly SliceSeen[] {
  return sources.slices.byIndex("service", `${metadata.namespace}/${metadata.name}`);
}

function serviceOf(slice: SliceSeen): string {
  return `${slice.metadata.namespace}/${slice.metadata.labels?.[serviceNameLabel] ?? ""}`;
}
