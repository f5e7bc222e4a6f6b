/**
 * The node agent: keeps the pods that the API puts on this node running, and the API informed of them. Everything it
 * touches is given to it.
 */
import type { Clock } from "#base/clock.ts";
import type { Component } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import { Metrics } from "#base/metrics.ts";
import type { Random } from "#base/random.ts";
import type { Client } from "#client/client.ts";
import type { Informer, InformerFactory } from "#client/informer.ts";
import type { Recorder } from "#client/recorder.ts";
import type { ContainerRuntime } from "#host/cri.ts";
import { nodes, type Node } from "#resources/core/node.ts";
import { pods, type Pod } from "#resources/core/pod.ts";
import { services } from "#resources/core/service.ts";
import type { PodParts } from "./act/parts.ts";
import type { KubeletConfig } from "./config.ts";
import { Images } from "./images.ts";
import type { Machine } from "./machine.ts";
import { nodeFacts } from "./node-facts.ts";
import { NodeStatusReporter } from "./node-status.ts";
import { Pods } from "./pods.ts";
import { probeCounts } from "./probes/prober.ts";
import { References } from "./references.ts";
import { PodVolumes } from "./volumes/pod-volumes.ts";

export interface KubeletOptions {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly recorder: Recorder;
  readonly runtime: ContainerRuntime;
  readonly machine: Machine;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly config: KubeletConfig;
}

export interface Kubelet extends Component {
  /** The pods it runs. */
  readonly pods: readonly Pod[];
}

const runtimeRetryMs = 200;

export function createKubelet(options: KubeletOptions): Kubelet {
  const metrics = new Metrics();
  let running: Pods | undefined;
  return {
    name: "kubelet",
    get pods() {
      return (running?.all() ?? []).map((worker) => ({
        ...worker.current,
        status: worker.shownStatus ?? worker.current.status,
      }));
    },
    async run(signal) {
      const built = await build(options, metrics, signal);
      running = built.pods;
      try {
        await Promise.all([built.pods.run(signal), built.reporter.run(signal)]);
      } finally {
        running = undefined;
      }
    },
  };
}

interface Built {
  readonly pods: Pods;
  readonly reporter: NodeStatusReporter;
}

async function build(options: KubeletOptions, metrics: Metrics, signal: AbortSignal): Promise<Built> {
  const { client, clock, log, random, config, machine, runtime, informers } = options;
  await machine.files.makeFolder(`${config.rootFolder}/pods`, 0o750);
  const version = await versionOf(options, signal);
  const runtimeVersion = `${version.runtimeName}://${version.runtimeVersion}`;
  const facts = await nodeFacts(machine.files, config, runtimeVersion);
  const reporter = new NodeStatusReporter({ ...options, facts }, () => undefined);
  const references = new References({ client, clock, log, changed: (uids) => all.referencesChanged(uids) });
  const parts: PodParts = {
    ...options,
    images: new Images(runtime, clock),
    volumes: new PodVolumes({ machine, client, clock, random, rootFolder: config.rootFolder }),
    references,
    services: informers.informer(services),
    probeCounts: probeCounts(metrics),
    runtimeName: version.runtimeName,
    nodeMemoryBytes: facts.memoryBytes,
    allocatable: facts.allocatable,
  };
  const own = informers.informer(pods, { fieldSelector: `spec.nodeName=${config.nodeName}` });
  const node = informers.informer(nodes, { fieldSelector: `metadata.name=${config.nodeName}` });
  const all = new Pods(parts, own, () => currentNode(node, config));
  return { pods: all, reporter };
}

function currentNode(informer: Informer<Node>, config: KubeletConfig): Node | undefined {
  return informer.get({ namespace: "", name: config.nodeName });
}

/** Waits for the runtime, which may still be starting. */
async function versionOf(
  { runtime, clock }: KubeletOptions,
  signal: AbortSignal,
): ReturnType<ContainerRuntime["version"]> {
  for (;;) {
    try {
      return await runtime.version(signal);
    } catch {
      // Not there yet: whoever supervises it says why.
      await clock.sleep(runtimeRetryMs, signal);
    }
  }
}
