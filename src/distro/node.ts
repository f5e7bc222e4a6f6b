/**
 * The node of this machine: container runtime, kubelet, pod network, service proxy and DNS, each given what it needs of
 * the machine. What is changed on the machine is written in the journal first.
 */
import { join } from "node:path";
import { messageOf } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";
import { supervise, type Component } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import type { Random } from "#base/random.ts";
import type { Client } from "#client/client.ts";
import type { InformerFactory } from "#client/informer.ts";
import type { Recorder } from "#client/recorder.ts";
import { bridgeName, podNetworkText } from "#host/cni.ts";
import { Containerd } from "#host/containerd.ts";
import { ImageFolder } from "#host/images.ts";
import { HostJournal, journalPath } from "#host/journal.ts";
import { Links } from "#host/links.ts";
import type { RuntimeBundle } from "#host/runtime-bundle.ts";
import { shimsOf } from "#host/shims.ts";
import { loadModule, readSysctl, setSysctl } from "#host/sysctl.ts";
import { createKubelet, type Kubelet } from "#kubelet/kubelet.ts";
import { kubeletDefaults, type KubeletConfig } from "#kubelet/config.ts";
import { podBridge } from "#network/pod-bridge.ts";
import { nodes, type Taint } from "#resources/core/node.ts";
import type { Renewed } from "./certificates/renewal.ts";
import { machineOf } from "./machine.ts";
import { networkParts, nodeId, podResolvConf, prepareNetwork } from "./node-network.ts";
import { podBridgeMachine } from "./pod-bridge-machine.ts";
import { listen, type TlsMaterial } from "#wire/http-server.ts";

export interface NodeOptions {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly bundle: RuntimeBundle;
  readonly dataDir: string;
  readonly nodeName: string;
  readonly nodeIp: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly clusterCidr: string;
  readonly serviceCidr: string;
  readonly clusterDns: string;
  readonly clusterDomain: string;
  readonly version: string;
  /** Where the API is: no Service may take it over on this machine. */
  readonly api: { readonly address: string; readonly port: number; readonly onThisMachine: boolean };
  /** Told where the kubelet listens, on the node's address. */
  readonly kubeletListens?: (port: number) => void;
  /** Of the kubelet's own port. */
  readonly tls: Renewed<TlsMaterial>;
  /** Built-in parts that are not to run: "dns", "proxy". */
  readonly disabled: ReadonlySet<string>;
}

const kubeletPort = 10_250;

/** Runs the node until the signal is aborted; containers go on afterwards. */
export async function runNode(options: NodeOptions, signal: AbortSignal): Promise<void> {
  const { bundle, dataDir, clock, log } = options;
  const journal = new HostJournal(journalPath(dataDir));
  const links = new Links(bundle.ip);
  await prepareMachine(options, journal, links);
  const containerd = new Containerd({ bundle, dataFolder: dataDir, clock, log: log.for("containerd"), journal });
  const machine = { ...machineOf(), shims: shimsOf(containerd.folders.socket) };
  const port = await freePort(options);
  options.kubeletListens?.(port);
  const images = new ImageFolder({
    bundle,
    folder: join(dataDir, "agent/images"),
    memory: join(containerd.folders.root, "imported.json"),
    socket: containerd.folders.socket,
    runtime: containerd.runtime,
    ready: (until) => containerd.ready(until),
    clock,
    log: log.for("images"),
  });
  const kubelet = createKubelet({
    ...options,
    runtime: containerd.runtime,
    imagesArrive: images.settled,
    machine,
    config: kubeletConfig(options, port),
  });
  const parts: Component[] = [
    containerd,
    kubelet,
    kubeletServer(options, kubelet, port),
    podNetwork({ options, links }, containerd, journal),
    images,
    ...networkParts({ options, links, journal, kubeletPort: port, streaming: containerd.folders.streaming }),
  ];
  await Promise.all(parts.map((part) => supervise(part, { clock, log }, signal)));
}

function cgroupRoot(dataDir: string): string {
  return `/kedge-${nodeId(dataDir)}`;
}

async function prepareMachine(options: NodeOptions, journal: HostJournal, links: Links): Promise<void> {
  const { dataDir } = options;
  const bridgeFilter = "net.bridge.bridge-nf-call-iptables";
  await loadModule("br_netfilter", () => readSysctl(bridgeFilter) !== undefined);
  for (const name of ["net.ipv4.ip_forward", bridgeFilter])
    if (readSysctl(name) !== undefined) setSysctl(name, "1", journal);
  journal.record({ kind: "cgroup", path: cgroupRoot(dataDir) });
  journal.record({ kind: "mounts", path: join(dataDir, "agent/kubelet") });
  await prepareNetwork({ options, links, journal });
}

function kubeletConfig(options: NodeOptions, port: number): KubeletConfig {
  const { dataDir, nodeName, nodeIp, labels, taints, version } = options;
  return {
    ...kubeletDefaults,
    nodeName,
    nodeIps: [nodeIp],
    labels,
    taints,
    rootFolder: join(dataDir, "agent/kubelet"),
    podLogsFolder: join(dataDir, "agent/pod-logs"),
    staticPodFolder: join(dataDir, "agent/pod-manifests"),
    cgroupRoot: cgroupRoot(dataDir),
    clusterDns: [options.clusterDns],
    resolvConf: podResolvConf(),
    clusterDomain: options.clusterDomain,
    version,
    port,
  };
}

/** The usual port, or any when another node on this machine has it. */
async function freePort({ nodeIp, log }: NodeOptions): Promise<number> {
  for (const port of [kubeletPort, 0]) {
    try {
      const probe = await listen({ host: nodeIp, port, log }, () => undefined);
      await probe.close(0);
      return probe.port;
    } catch (error) {
      if (port === 0) throw error;
      log.debug("the usual port of the kubelet is taken", { error: messageOf(error) });
    }
  }
  return kubeletPort;
}

function kubeletServer({ nodeIp, tls, log }: NodeOptions, kubelet: Kubelet, port: number): Component {
  return {
    name: "kubelet-server",
    run: async (signal) => {
      const server = await listen({ host: nodeIp, port, tls: tls.now, log: log.for("kubelet-server") }, (exchange) =>
        kubelet.answer(exchange, exchange.peerCertificate()?.organizations.includes("system:masters") === true),
      );
      tls.onChange((now) => server.replaceTls(now), signal);
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
      await server.close(0);
    },
  };
}

/** Keeps the pod network as it is to be, once the cluster has given this node its range. */
function podNetwork(
  { options, links }: { readonly options: NodeOptions; readonly links: Links },
  { folders }: Containerd,
  journal: HostJournal,
): Component {
  const { informers, nodeName, clock, log } = options;
  return {
    name: "pod-network",
    run: async (signal) => {
      const informer = informers.informer(nodes, { fieldSelector: `metadata.name=${nodeName}` });
      await informer.whenSynced(signal);
      // At each start: a clean-up in between has emptied the journal, and the runtime makes the bridge by itself.
      journal.record({ kind: "link", name: bridgeName(folders) });
      const bridge = podBridge({ machine: podBridgeMachine({ folders, links, journal }), clock, log });
      const follow = (): void => {
        const { podCIDR: podCidr } = informer.get({ namespace: "", name: nodeName })?.spec ?? {};
        if (podCidr === undefined) return;
        bridge.want({ bridge: bridgeName(folders), podCidr, config: podNetworkText(folders, { podCidrs: [podCidr] }) });
      };
      follow();
      informer.onChange(follow, signal);
      await bridge.run(signal);
    },
  };
}
