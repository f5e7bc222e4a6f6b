/** A kubelet in virtual time over a runtime, an API and a machine in memory, which a test can have misbehave. */
import { must } from "#base/assert.ts";
import { createLog, type Log } from "#base/log.ts";
import { machineRandom } from "#base/random.ts";
import { createKubelet, type Kubelet } from "#kubelet/kubelet.ts";
import { kubeletDefaults, type KubeletConfig } from "#kubelet/config.ts";
import type { Container } from "#resources/core/container.ts";
import { nodes, type Node } from "#resources/core/node.ts";
import { pods, type Pod } from "#resources/core/pod.ts";
import { TestExchange } from "./exchange.ts";
import { FakeRuntime } from "./fake-runtime.ts";
import { faultyRuntime, RuntimeFaults } from "./faulty-runtime.ts";
import { MemoryApi } from "./memory-api.ts";
import { SimulatedMachine } from "./simulated-machine.ts";
import { VirtualClock } from "./virtual-clock.ts";

export const simulatedImage = "busybox:1";
export const simulatedNode = { namespace: "", name: "node-1" };

type ContainerStatus = NonNullable<NonNullable<Pod["status"]>["containerStatuses"]>[number];

/** A container that runs until it is stopped, unless it is given another command. */
export function simulatedContainer(command: readonly string[] = ["serve"], more: Partial<Container> = {}): Container {
  return { name: "main", image: simulatedImage, command, resources: {}, ...more };
}

export class SimulatedKubelet extends SimulatedMachine {
  readonly clock = new VirtualClock();
  readonly api = new MemoryApi(this.clock);
  readonly faults = new RuntimeFaults(this.clock);
  /** Names of containers in which the command `healthy` succeeds. */
  readonly healthy = new Set<string>();
  /** When each command was run in a container. */
  readonly commands: { readonly command: string; readonly atMs: number }[] = [];
  readonly runtime = new FakeRuntime({
    clock: this.clock,
    images: [simulatedImage],
    exec: ({ metadata }, [command = ""]) => {
      this.commands.push({ command, atMs: this.clock.monotonicMs() });
      return command === "healthy" ? Number(!this.healthy.has(metadata.name)) : undefined;
    },
  });
  readonly logged: string[] = [];
  private readonly log: Log = createLog({
    clock: this.clock,
    level: "info",
    write: (line) => void this.logged.push(line),
  });
  private kubelet: Kubelet | undefined;
  private life = new AbortController();
  private done: Promise<void> = Promise.resolve();

  get running(): Kubelet {
    return must(this.kubelet, "the kubelet was started");
  }

  /** Starts it, and lets time pass until its node is there. */
  async start(more: Partial<KubeletConfig> = {}): Promise<void> {
    this.life = new AbortController();
    this.kubelet = createKubelet({
      client: this.api,
      informers: this.api,
      recorder: this.api,
      runtime: faultyRuntime(this.runtime, this.faults),
      clock: this.clock,
      random: machineRandom,
      log: this.log,
      machine: this.forKubelet(),
      config: {
        ...kubeletDefaults,
        nodeName: simulatedNode.name,
        nodeIps: ["192.0.2.1"],
        rootFolder: "/kubelet",
        staticPodFolder: undefined,
        clusterDns: ["10.96.0.10"],
        version: "v1.36.0+kedge.test",
        ...more,
      },
    });
    this.done = this.kubelet.run(this.life.signal);
    await this.clock.until(() => this.api.find(nodes, simulatedNode) !== undefined);
  }

  async stop(): Promise<void> {
    this.faults.goOn();
    this.life.abort(new Error("the test is over"));
    let ended = false;
    const end = this.done.finally(() => (ended = true));
    await this.clock.until(() => ended);
    await end;
  }

  async create(name: string, spec: Omit<Pod["spec"], "nodeName">): Promise<Pod> {
    const metadata = { name, namespace: "default" };
    const nodeName = simulatedNode.name;
    return await this.api.create(pods, {
      apiVersion: "v1",
      kind: "Pod",
      metadata,
      spec: { ...spec, nodeName },
      status: {},
    });
  }

  pod(name: string): Pod | undefined {
    return this.api.find(pods, { namespace: "default", name });
  }

  shown(name: string): NonNullable<Pod["status"]> {
    return this.pod(name)?.status ?? {};
  }

  /** The status of the pod's first container. */
  first(name: string): ContainerStatus {
    return must(this.shown(name).containerStatuses?.[0], "there is a container");
  }

  isReady(name: string): boolean {
    return this.shown(name).conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
  }

  get node(): Node {
    return must(this.api.find(nodes, simulatedNode), "the node is registered");
  }

  nodeReady(): { readonly status: string; readonly message: string | undefined } {
    const ready = must(
      this.node.status?.conditions?.find(({ type }) => type === "Ready"),
      "the node says whether it is ready",
    );
    return { status: ready.status, message: ready.message };
  }

  /** What the kubelet answers over HTTP. */
  async answered(target: string): Promise<string> {
    const exchange = new TestExchange({ method: "GET", target });
    await this.running.answer(exchange, true);
    return exchange.sent.toString("utf8");
  }

  /** Deletes the pod, and lets time pass until it is gone. */
  async remove(name: string): Promise<void> {
    await this.api.delete(pods, { namespace: "default", name });
    await this.clock.until(() => this.pod(name) === undefined);
  }
}
