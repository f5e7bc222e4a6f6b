/**
 * A cluster in one process and virtual time: the API server over the memory store with its rules and admission, every
 * controller as its own service account, and nodes whose pods run without containers.
 */
import { createAdmission } from "#apiserver/admission.ts";
import { serviceAccountUser } from "#apiserver/authentication.ts";
import { createAuthorization, mastersAuthorizer, type Authorization } from "#apiserver/authorization.ts";
import { writeBootstrapObjects } from "#apiserver/bootstrap.ts";
import { createDirectClient } from "#apiserver/direct-client.ts";
import { superusers, type AdmissionPlugin, type Authorizer, type User } from "#apiserver/access.ts";
import { createApiServer } from "#apiserver/server.ts";
import { must } from "#base/assert.ts";
import { parseCidr } from "#base/cidr.ts";
import { rfc3339 } from "#base/clock.ts";
import { supervise } from "#base/component.ts";
import { createLog, silentLog, type Log } from "#base/log.ts";
import { Metrics } from "#base/metrics.ts";
import { machineRandom } from "#base/random.ts";
import type { Client } from "#client/client.ts";
import { EventRecorder } from "#client/event-recorder.ts";
import type { InformerFactory } from "#client/informer.ts";
import type { ResourceSource } from "#client/resource-source.ts";
import { createInformers } from "#client/watch-informer.ts";
import { createControllers } from "#controllers/all.ts";
import type { KubeObject } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import { catalogue } from "#resources/catalogue.ts";
import { nodes, type Node } from "#resources/core/node.ts";
import { openMemoryStore } from "#storage/memory.ts";
import type { Store } from "#storage/store.ts";
import { FaultyClient, served, type Call, type Fate } from "./faulty-client.ts";
import { SimulatedNodes } from "./simulated-nodes.ts";
import { VirtualClock } from "./virtual-clock.ts";

const masters: User = { name: "admin", groups: [superusers] };

export interface ClusterOptions {
  readonly nodeNames: readonly string[];
  /** Shows the log of the controllers, to find out what a test does. */
  readonly verbose?: boolean;
  /** One that does not answer as fast as memory does. */
  readonly store?: Store;
}

export class SimulatedCluster implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly nodes: SimulatedNodes;
  /** What becomes of the calls of controllers; every one is served unless a test says otherwise. */
  fate: (call: Call) => Fate = () => served;
  private readonly authorization: Authorization;
  private readonly clientFor: (account: string) => Client;
  private life: Life | undefined;
  private readonly log: Log;
  private readonly ending = new AbortController();
  private readonly running: Promise<void>[] = [];

  private constructor(options: ClusterOptions) {
    const { clock } = this;
    const { signal } = this.ending;
    const log = options.verbose === true ? createLog({ clock, write: console.log, level: "debug" }) : silentLog;
    const late: { authorization?: Authorization; readonly admission: AdmissionPlugin[] } = { admission: [] };
    const authorizer: Authorizer = {
      authorize: (attributes) => (late.authorization ?? mastersAuthorizer).authorize(attributes),
    };
    const parts = {
      store: options.store ?? openMemoryStore(),
      catalogue,
      clock,
      random: machineRandom,
      log,
      authenticators: [],
    };
    const api = createApiServer({ ...parts, authorizer, admission: late.admission }, signal);
    const clientOf = (user: User): Client => createDirectClient(api.server, { user, signal });
    this.client = clientOf(masters);
    this.informers = createInformers(this.client, { clock, log }, signal);
    late.authorization = createAuthorization(this.informers);
    late.admission.push(
      ...createAdmission({
        core: api.server,
        informers: this.informers,
        client: this.client,
        random: machineRandom,
        clock,
        metrics: new Metrics(),
        recorder: { record: () => undefined },
        authorization: late.authorization,
        serviceCidr: must(parseCidr("10.43.0.0/16"), "a network"),
        nodePorts: { first: 30_000, last: 32_767 },
        reservedAddresses: new Map(),
      }),
    );
    this.authorization = late.authorization;
    this.clientFor = (account) => clientOf(serviceAccountUser("kube-system", account));
    this.log = log;
    this.nodes = new SimulatedNodes(this.client, this.informers, clock);
  }

  /** Starts every controller with caches of its own, as a server that has just been started. */
  startControllers(): void {
    const { clock, log } = this;
    const life: Life = { ending: new AbortController(), crashed: false, running: [] };
    this.life = life;
    const faulty = (client: Client): Client =>
      new FaultyClient(client, clock, (call) => (life.crashed ? { kind: "hung" } : this.fate(call)));
    const clientFor = (account: string): Client => faulty(this.clientFor(account));
    const signal = AbortSignal.any([this.ending.signal, life.ending.signal]);
    const recorders: EventRecorder[] = [];
    const controllers = createControllers({
      clientFor,
      system: faulty(this.client),
      recorderFor: (component) => {
        const recorder = new EventRecorder({ client: clientFor(component), clock, log, source: { component } });
        recorders.push(recorder);
        return recorder;
      },
      informers: createInformers(faulty(this.client), { clock, log }, signal),
      resources: staticResources,
      clock,
      log,
      options: {
        clusterCidr: "10.42.0.0/16",
        rootCa: "certificate",
        localStoragePath: "/var/lib/kedge/storage",
        disabled: new Set(),
      },
    });
    for (const component of [...controllers, ...recorders])
      life.running.push(supervise(component, { clock, log }, signal));
  }

  /** The controllers are gone between two instructions: nothing they had begun goes on, and nothing is tidied up. */
  crashControllers(): void {
    if (!this.life) return;
    this.life.crashed = true;
    this.life.ending.abort(new Error("the controllers crashed"));
    this.life = undefined;
  }

  static async start(options: ClusterOptions): Promise<SimulatedCluster> {
    const cluster = new SimulatedCluster(options);
    const { client, ending } = cluster;
    await writeBootstrapObjects(
      {
        client,
        serviceCidr: "10.43.0.0/16",
        serviceAddress: "10.43.0.1",
        advertiseAddress: "10.0.0.1",
        advertisePort: 6443,
        clientCa: "",
        requestHeaderCa: "",
      },
      ending.signal,
    );
    await cluster.authorization.whenSynced(ending.signal);
    const { clock, log } = cluster;
    cluster.running.push(supervise(cluster.nodes, { clock, log }, ending.signal));
    cluster.startControllers();
    for (const name of options.nodeNames) await client.create(nodes, nodeNamed(name, cluster.clock.nowMs()));
    return cluster;
  }

  /** Creates the object, with what every object has filled in. */
  async create<T extends KubeObject>(resource: ResourceDefinition<T>, object: Draft<T>): Promise<T> {
    const { apiVersion, kind } = resource;
    // Holds because a draft lacks only what the API server fills in.
    return this.client.create(resource, { apiVersion, kind, status: {}, ...object } as unknown as T);
  }

  /** Lets time pass until the objects of the default namespace are as asked. */
  async until<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    holds: (objects: readonly T[]) => boolean,
    limitMs = 60_000,
  ): Promise<readonly T[]> {
    const informer = this.informers.informer(resource);
    const list = (): readonly T[] => informer.list(resource.namespaced ? "default" : "");
    await this.clock.until(
      () => informer.synced && holds(list()),
      limitMs,
      () => `${resource.plural} are ${JSON.stringify(list().map(({ metadata, ...rest }) => [metadata.name, rest]))}`,
    );
    return list();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.fate = () => served;
    this.ending.abort(new Error("the test is over"));
    // What hangs in a crash never ends.
    await Promise.all([...this.running, ...(this.life?.running ?? [])]);
  }
}

/** One life of the controllers, from a start to a crash. */
interface Life {
  readonly ending: AbortController;
  crashed: boolean;
  readonly running: Promise<void>[];
}

/** An object as a test writes it. */
export type Draft<T extends KubeObject> = Pick<T, "metadata"> & { readonly spec?: object };

const staticResources: ResourceSource = {
  all: () => catalogue,
  onChange: (handler) => handler(catalogue),
  byKind: (apiVersion, kind) => {
    const group = apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
    return catalogue.find((one) => one.group === group && one.kind === kind);
  },
};

function nodeNamed(name: string, nowMs: number): Node {
  const ready = { type: "Ready", status: "True" as const, lastHeartbeatTime: rfc3339(nowMs) };
  const node = { apiVersion: "v1", kind: "Node", metadata: { name }, spec: {}, status: { conditions: [ready] } };
  // Holds as far as anyone looks at a simulated node.
  return node as unknown as Node;
}
