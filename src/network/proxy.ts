/**
 * The service proxy: keeps the packet filter in step with Services and EndpointSlices. Changes are gathered for a
 * moment and applied as one transaction that holds only what changed.
 */
import { messageOf } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";
import type { Component } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import { WorkQueue } from "#base/queue.ts";
import type { Informer, InformerFactory } from "#client/informer.ts";
import { services, type Service } from "#resources/core/service.ts";
import { endpointSlices, type EndpointSlice } from "#resources/discovery/endpoint-slice.ts";
import { changedTable, wholeTable } from "./services/nft-script.ts";
import { rulesOf, type Ruleset } from "./services/rules.ts";

/** What the proxy needs of the machine. */
export interface PacketFilter {
  /** Applies a script of nft as one transaction. @throws Error with nft's sentence when it is refused; nothing changed then */
  apply(script: string, signal: AbortSignal): Promise<void>;
  /** Forgets UDP connections to this address and port, which would go on to an endpoint that is gone. */
  forgetUdp(target: { readonly address: string; readonly port: number }, signal: AbortSignal): Promise<void>;
}

export interface ProxyOptions {
  readonly informers: InformerFactory;
  readonly filter: PacketFilter;
  readonly clock: Clock;
  readonly log: Log;
  readonly nodeName: string;
  readonly clusterCidr: string;
  /** Service addresses that something on this machine answers itself, such as the DNS. */
  readonly answeredHere: readonly string[];
  /** Name of the table, unique to this data directory. */
  readonly table: string;
}

// Long enough to gather a rollout's burst, short enough that nobody waits.
const gatherMs = 20;
const retryMs = 1_000;
const serviceNameLabel = "kubernetes.io/service-name";

export function serviceProxy(options: ProxyOptions): Component {
  return { name: "proxy", run: (signal) => new ServiceProxy(options).run(signal) };
}

class ServiceProxy {
  private readonly options: ProxyOptions;
  private readonly log: Log;
  // What the kernel holds; undefined before the first success and after a failure.
  private applied: Ruleset | undefined;

  constructor(options: ProxyOptions) {
    this.options = options;
    this.log = options.log.for("proxy");
  }

  async run(signal: AbortSignal): Promise<void> {
    const { informers, clock } = this.options;
    const sources = { services: informers.informer(services), slices: informers.informer(endpointSlices) };
    sources.slices.addIndex("service", (slice) => [serviceOf(slice)]);
    await Promise.all([sources.services.whenSynced(signal), sources.slices.whenSynced(signal)]);
    const queue = new WorkQueue(clock);
    try {
      for (const informer of [sources.services, sources.slices])
        informer.onChange(() => queue.addAfter("sync", gatherMs), signal);
      queue.add("sync");
      while (!signal.aborted) {
        const key = await queue.next(signal);
        try {
          await this.sync(sources, signal);
        } catch (error) {
          if (signal.aborted) return;
          this.applied = undefined;
          this.log.error("applying service rules failed", { error: messageOf(error), retryInMs: retryMs });
          queue.addAfter(key, retryMs);
        } finally {
          queue.done(key);
        }
      }
    } finally {
      queue.close();
    }
  }

  private async sync(sources: Sources, signal: AbortSignal): Promise<void> {
    const { filter, table, nodeName, clusterCidr } = this.options;
    const slicesOf = (service: Service): readonly EndpointSlice[] =>
      sources.slices.byIndex("service", `${service.metadata.namespace}/${service.metadata.name}`);
    const forwarded = sources.services
      .list()
      .filter(({ spec }) => !this.options.answeredHere.includes(spec.clusterIP ?? ""));
    const rules = rulesOf(forwarded, slicesOf, { nodeName, clusterCidr });
    const before = this.applied;
    const script = before ? changedTable(table, before, rules) : wholeTable(table, clusterCidr, rules);
    if (script === "") return;
    await filter.apply(script, signal);
    this.applied = rules;
    for (const target of before ? staleUdp(before, rules) : []) await filter.forgetUdp(target, signal);
  }
}

interface Sources {
  readonly services: Informer<Service>;
  readonly slices: Informer<EndpointSlice>;
}

function serviceOf(slice: EndpointSlice): string {
  return `${slice.metadata.namespace}/${slice.metadata.labels?.[serviceNameLabel] ?? ""}`;
}

/** UDP addresses whose chain changed: their connections may stick to an endpoint that is gone, or to a refusal. */
function staleUdp(before: Ruleset, after: Ruleset): { readonly address: string; readonly port: number }[] {
  const chainOf = (rules: Ruleset, key: string): string => {
    const verdict = rules.maps["service-ips"].get(key) ?? rules.maps["refused-ips"].get(key) ?? "";
    return `${verdict} ${(rules.chains.get(verdict.replace("goto ", "")) ?? []).join(" ")}`;
  };
  const keys = new Set([...after.maps["service-ips"].keys(), ...before.maps["service-ips"].keys()]);
  return [...keys]
    .filter((key) => key.includes(" . udp . ") && chainOf(before, key) !== chainOf(after, key))
    .map((key) => {
      const [address = "", , port = ""] = key.split(" . ");
      return { address, port: Number(port) };
    });
}
