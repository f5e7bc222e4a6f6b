/**
 * The node agent: keeps the pods that the API puts on this node running, and the API informed of them. Everything it
 * touches is given to it.
 */
import type { Clock } from "#base/clock.ts";
import type { Component } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import { Metrics } from "#base/metrics.ts";
import type { Random } from "#base/random.ts";
import { turnsOf } from "#base/turns.ts";
import type { Client } from "#client/client.ts";
import type { Change, Informer, InformerFactory } from "#client/informer.ts";
import type { Recorder } from "#client/recorder.ts";
import type { ContainerRuntime } from "#host/cri.ts";
import { BoundedRuntime } from "#host/cri-deadlines.ts";
import { unavailable } from "#machinery/status.ts";
import { nodes, type Node } from "#resources/core/node.ts";
import { pods as podResource, type Pod } from "#resources/core/pod.ts";
import type { Exchange } from "#wire/http.ts";
import type { PodParts } from "./act/parts.ts";
import type { KubeletConfig } from "./config.ts";
import { DiskMeter } from "./disk-usage.ts";
import { Evictor } from "./eviction.ts";
import { ImageGc } from "./image-gc.ts";
import { Images } from "./images.ts";
import { PodAccess, type KubeletApi } from "./kubelet-api.ts";
import { LogRotation } from "./log-rotation.ts";
import type { Machine } from "./machine.ts";
import { pressuresOf, type Pressures } from "./node-conditions.ts";
import { nodeFacts, type NodeFacts } from "./node-facts.ts";
import { guarded } from "./guard.ts";
import { NodeLease } from "./node-lease.ts";
import { NodeStatusReporter } from "./node-status.ts";
import { isRunning, type ObservedContainer } from "./plan/observation.ts";
import { Pods } from "./pods.ts";
import { RuntimeWatch } from "./runtime-watch.ts";
import { probeCounts } from "./probes/prober.ts";
import { References } from "./references.ts";
import { answerKubelet } from "./server.ts";
import { ServerAccess } from "./server-access.ts";
import { StaticPods, type StaticPodParts } from "./static-pods.ts";
import { Stats } from "./stats.ts";
import { PodVolumes } from "./volumes/pod-volumes.ts";
import { serviceView } from "./service-view.ts";

export interface KubeletOptions {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly recorder: Recorder;
  readonly runtime: ContainerRuntime;
  /** Pending while images are brought to this machine: what is missing may come, and need not be pulled. */
  readonly imagesArrive?: Promise<void>;
  readonly machine: Machine;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly config: KubeletConfig;
}

export interface Kubelet extends Component {
  /** What can be asked about its pods. Refuses everything until the kubelet runs. */
  readonly api: KubeletApi;
  /** Answers a request to the kubelet's own HTTP API; never throws. `trusted` requests are not asked who they are. */
  answer(exchange: Exchange, trusted: boolean): Promise<void>;
}

const runtimeRetryMs = 200;

export function createKubelet(given: KubeletOptions): Kubelet {
  const options = { ...given, log: given.log.for("kubelet") };
  const metrics = new Metrics();
  const probeMetrics = new Metrics();
  const access = new ServerAccess({ ...options, nodeName: options.config.nodeName });
  let running: Running | undefined;
  const now = (): Running => {
    if (!running) throw unavailable("the node agent is starting");
    return running;
  };
  return {
    name: "kubelet",
    api: {
      containerLogs: async (request) => await now().api.containerLogs(request),
      exec: async (...args) => await now().api.exec(...args),
      attach: async (...args) => await now().api.attach(...args),
      portForward: async (...args) => await now().api.portForward(...args),
      run: async (...args) => await now().api.run(...args),
      pods: () => running?.api.pods() ?? [],
    },
    async answer(exchange, trusted) {
      const { stats, api, facts, reporter } = now();
      await answerKubelet(
        {
          api,
          stats,
          machine: { cpus: Number(facts.capacity["cpu"]), memoryBytes: facts.memoryBytes },
          metrics,
          probeMetrics,
          unhealthy: () => (reporter.isReady ? undefined : "the node is not ready"),
          nowMs: () => options.clock.nowMs(),
          ...(!trusted && { require: (one) => access.require(one) }),
        },
        exchange,
      );
    },
    async run(signal) {
      // One part that fails takes the others along: all of them start anew.
      const life = new AbortController();
      const either = AbortSignal.any([signal, life.signal]);
      const node = await nodeOf(options, either);
      const pods = async (): Promise<void> => {
        running = await build(options, { node, probeMetrics, signal: either });
        await Promise.all(running.parts.map((part) => part.run(either)));
      };
      // The node says that it lives, and whether it is well, while the runtime is still waited for.
      const runs = [node.lease.run(either), node.reporter.run(either), pods()];
      try {
        await Promise.all(runs);
      } catch (error) {
        life.abort(error);
        await Promise.allSettled(runs);
        if (!signal.aborted) throw error;
      } finally {
        running = undefined;
      }
    },
  };
}

interface Running {
  readonly api: KubeletApi;
  readonly stats: Stats;
  readonly facts: NodeFacts;
  readonly reporter: NodeStatusReporter;
  /** All of them run until the signal is aborted. */
  readonly parts: readonly { run(signal: AbortSignal): Promise<void> }[];
}

/** What there is of a node even while its runtime does not answer. */
interface NodeParts {
  readonly facts: NodeFacts;
  readonly runtime: BoundedRuntime;
  readonly lease: NodeLease;
  readonly reporter: NodeStatusReporter;
  readonly informer: Informer<Node>;
  /** Set once there are pods. */
  relieve: (short: Pressures) => void;
  lookAtPods: () => void;
}

async function nodeOf(options: KubeletOptions, signal: AbortSignal): Promise<NodeParts> {
  const { client, clock, log, config, machine } = options;
  await machine.files.makeFolder(`${config.rootFolder}/pods`, 0o750);
  const facts = await nodeFacts(machine.files, config);
  const runtime = new BoundedRuntime(options.runtime, clock, signal);
  const reporter = new NodeStatusReporter({ ...options, runtime: runtime.calls, facts }, (short) =>
    node.relieve(short),
  );
  const jumped = (): void => {
    log.info("time jumped: looking at everything anew");
    reporter.look();
    node.lookAtPods();
  };
  const { nodeName } = config;
  const lease = new NodeLease({ client, clock, log, nodeName, node: () => reporter.current, jumped });
  const informer = options.informers.informer(nodes, { fieldSelector: `metadata.name=${nodeName}` });
  const seen = guarded(log, "node", ({ type, object }: Change<Node>) =>
    reporter.seen(type === "deleted" ? undefined : object),
  );
  const nothing = (): void => undefined;
  const node: NodeParts = { facts, runtime, lease, reporter, informer, relieve: nothing, lookAtPods: nothing };
  informer.onChange(seen, signal);
  return node;
}

async function build(
  options: KubeletOptions,
  given: { readonly node: NodeParts; readonly probeMetrics: Metrics; readonly signal: AbortSignal },
): Promise<Running> {
  const { node, probeMetrics, signal } = given;
  const { client, clock, log, random, config, machine, informers } = options;
  const { facts, reporter, informer } = node;
  const runtime = node.runtime.calls;
  const { rootFolder, nodeName, cgroupRoot } = config;
  const { files, cgroups } = machine;
  const version = await versionOf(runtime, clock, signal);
  reporter.runtimeIs(`${version.runtimeName}://${version.runtimeVersion}`);
  const images = new Images(runtime, clock, options.imagesArrive);
  const volumes = new PodVolumes({ machine, client, clock, random, rootFolder });
  const running = (): readonly ObservedContainer[] =>
    pods.all().flatMap(({ observed }) => observed.containers.filter(isRunning));
  const logs = new LogRotation({ runtime, files, clock, log, ...config.containerLog, running });
  const parts: PodParts = {
    ...options,
    turns: turnsOf(clock),
    runtime,
    images,
    volumes,
    references: new References({ client, clock, log, changed: (uids) => pods.referencesChanged(uids) }),
    services: informers.informer(serviceView),
    probeCounts: probeCounts(probeMetrics),
    logs,
    runtimeName: version.runtimeName,
    nodeMemoryBytes: facts.memoryBytes,
    allocatable: facts.allocatable,
  };
  const own = informers.informer(podResource, { fieldSelector: `spec.nodeName=${nodeName}` });
  const pods = new Pods(parts, { pods: own, node: informer });
  const watch = new RuntimeWatch(parts, { pods, makingSandboxSinceMs: () => node.runtime.makingSandboxSinceMs });
  const shared = { ...options, runtime, files, rootFolder, images, nodeName };
  const imageGc = new ImageGc({ ...shared, ...config.imageGc });
  const collectImages = (stop: AbortSignal): Promise<void> => imageGc.collect(stop, true);
  const podFolder = (pod: Pod): string => volumes.podFolder(pod);
  const disk = new DiskMeter({ ...shared, podLogsFolder: config.podLogsFolder, podFolder });
  const pressures = (): Promise<Pressures> => pressuresOf({ files, rootFolder });
  const evictor = new Evictor({ ...shared, cgroups, cgroupRoot, disk, collectImages, pressures }, pods);
  node.relieve = (short) => void evictor.relieve(short, signal);
  node.lookAtPods = () => pods.timeJumped();
  const fromFiles = staticPods({ ...shared, nodePods: () => own.list(), node: () => reporter.current }, pods);
  if (fromFiles) pods.othersKnown = fromFiles.whenRead;
  return {
    api: new PodAccess(shared, pods),
    stats: new Stats({ ...shared, startedAtMs: (id) => pods.startedAtMs(id) }),
    facts,
    reporter,
    parts: [pods, watch, imageGc, evictor, logs, ...(fromFiles ? [fromFiles] : [])],
  };
}

function staticPods(
  parts: Omit<StaticPodParts, "folder"> & { readonly config: KubeletConfig },
  pods: Pods,
): StaticPods | undefined {
  const { staticPodFolder: folder } = parts.config;
  return folder === undefined ? undefined : new StaticPods({ ...parts, folder }, pods);
}

/** Waits for the runtime, which may still be starting. */
async function versionOf(
  runtime: ContainerRuntime,
  clock: Clock,
  signal: AbortSignal,
): ReturnType<ContainerRuntime["version"]> {
  for (;;) {
    try {
      return await runtime.version(signal);
    } catch {
      // Not there yet: whoever supervises it says why, and so does the node's status.
      await clock.sleep(runtimeRetryMs, signal);
    }
  }
}
