/**
 * `kedge server` without sockets, files and a node: the API server, its controllers and its scheduler, over a store, a
 * clock and chance that are given. The simulator (src/testing/simulation.ts) runs nothing else.
 */
import { writeBootstrapObjects } from "#apiserver/bootstrap.ts";
import { compactor, eventExpiry } from "#apiserver/upkeep.ts";
import { assert } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";
import { supervise } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import { Metrics } from "#base/metrics.ts";
import type { Random } from "#base/random.ts";
import type { Client } from "#client/client.ts";
import { createInformers } from "#client/watch-informer.ts";
import type { Store } from "#storage/store.ts";
import { unavailable } from "#machinery/status.ts";
import { readConfig, serviceAddress, type Config } from "./config.ts";
import { createApi, type Api } from "./server/api.ts";
import { controlPlane, resourceSource } from "./server/control-plane.ts";
import { Destinations } from "./server/destinations.ts";

export interface ServerCoreOptions {
  readonly config: Config;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Signs tokens: a private key in PEM. */
  readonly serviceKey: string;
  /** What is between the API and the controllers, the scheduler and their informers. */
  readonly between: (client: Client) => Client;
}

/** The configuration of a server that was given none. */
export async function defaultConfig(): Promise<Config> {
  const outcome = await readConfig("server", { args: [], env: {} });
  assert(outcome.kind === "config", "no help was asked for");
  return outcome.config;
}

export class ServerCore {
  readonly api: Api;
  /** True once the roles are known and it answers as it should. */
  ready = false;
  private readonly options: ServerCoreOptions;
  private readonly signal: AbortSignal;

  /** @param signal Ends everything that runs. */
  constructor(options: ServerCoreOptions, signal: AbortSignal) {
    const { config } = options;
    this.options = options;
    this.signal = signal;
    const destinations = new Destinations({ nodeName: "", serviceCidr: config.serviceCidr, apiPort: () => 6443 });
    const kubeletOf = (): never => {
      throw unavailable("no node is asked here");
    };
    const metrics = new Metrics();
    this.api = createApi({ ...options, metrics, kubeletOf, destinations, checks: [] }, signal);
  }

  /** Resolves once it answers; what it starts goes on. */
  async start(): Promise<void> {
    const { api, options, signal } = this;
    const { config, store, clock, log, between } = options;
    const supervised = (component: Parameters<typeof supervise>[0]): void =>
      void supervise(component, { clock, log }, signal);
    supervised(compactor(store, clock));
    const bootstrap = {
      client: api.system,
      serviceCidr: config.serviceCidr,
      serviceAddress: serviceAddress(config, 1),
      advertiseAddress: "192.0.2.250",
      advertisePort: 6443,
      clientCa: "",
      requestHeaderCa: "",
    };
    await writeBootstrapObjects(bootstrap, signal);
    await api.whenReady(signal);
    this.ready = true;
    supervised(eventExpiry(api.server.server, api.system));
    const system = between(api.system);
    const components = controlPlane({
      ...options,
      system,
      clientFor: (user) => between(api.clientFor(user)),
      informers: createInformers(system, { clock, log }, signal),
      resources: resourceSource(api),
      metrics: new Metrics(),
      rootCa: "certificate",
      localStoragePath: "/var/lib/kedge/storage",
    });
    for (const component of [...components, api.recorder]) supervised(component);
  }
}
