/** A node: a machine with a container runtime, which live on when the kubelet between them and the API is killed. */
import { supervise } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import { EventRecorder } from "#client/event-recorder.ts";
import type { Client } from "#client/client.ts";
import { createInformers } from "#client/watch-informer.ts";
import { RuntimeError, type ContainerStatus } from "#host/cri.ts";
import { createKubelet } from "#kubelet/kubelet.ts";
import { kubeletDefaults } from "#kubelet/config.ts";
import { FakeRuntime } from "../fake-runtime.ts";
import type { SeededRandom } from "../seeded-random.ts";
import { simulatedImage } from "../simulated-kubelet.ts";
import { SimulatedMachine } from "../simulated-machine.ts";
import type { VirtualClock } from "../virtual-clock.ts";
import type { Faults } from "./plan.ts";
import { Process } from "./process.ts";

export interface NodeParts {
  readonly name: string;
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly log: Log;
  /** Its clients, each with the faults of the network of that process. */
  readonly clientFor: (user: string, process: Process) => Client;
  /** The range its pods are given addresses of, by its object; undefined while it has none. */
  readonly podCidr: () => string | undefined;
  readonly faults: () => Faults;
  readonly count: (fault: string) => void;
}

/** Calls of the runtime that a kubelet makes only to look. */
const looks: ReadonlySet<string | symbol> = new Set(["version", "status", "events"]);

export class SimulatedNode {
  readonly name: string;
  readonly runtime: FakeRuntime;
  /** The kubelet that runs; undefined while none does. */
  process: Process | undefined;
  private readonly parts: NodeParts;
  private readonly machine = new SimulatedMachine();
  private lives = 0;

  constructor(parts: NodeParts) {
    this.parts = parts;
    this.name = parts.name;
    this.runtime = new FakeRuntime({
      clock: parts.clock,
      images: [simulatedImage],
      address: (made) => {
        const podCidr = parts.podCidr();
        if (podCidr === undefined) throw new RuntimeError("Unknown", "cni plugin not initialized");
        return addressIn(podCidr, made);
      },
    });
  }

  /** Starts a kubelet unless one runs; it finds what an earlier one has left. */
  start(): void {
    if (this.process) return;
    const { clock, random, log, clientFor, name } = this.parts;
    this.lives += 1;
    const process = new Process(`${name}-${this.lives}`, clock);
    this.process = process;
    const client = clientFor(`system:node:${name}`, process);
    const own = { clock: process.clock, log };
    const recorder = new EventRecorder({ client, ...own, source: { component: "kubelet", host: name } });
    const kubelet = createKubelet({
      client,
      informers: createInformers(client, own, process.killed),
      recorder,
      runtime: this.runtimeFor(process),
      random: random.fork(`kubelet-${this.lives}`),
      machine: process.fence(this.machine.forKubelet()),
      ...own,
      config: {
        ...kubeletDefaults,
        nodeName: name,
        nodeIps: [`192.0.2.${Number(name.replace(/\D/g, "")) + 1}`],
        rootFolder: "/kubelet",
        staticPodFolder: undefined,
        clusterDns: ["10.43.0.10"],
        version: "v1.36.0+kedge.simulated",
        labels: { "kubernetes.io/hostname": name },
      },
    });
    const never = new AbortController().signal;
    for (const component of [kubelet, recorder]) void supervise(component, own, never);
  }

  kill(): void {
    this.process?.kill();
    this.process = undefined;
  }

  async running(): Promise<readonly ContainerStatus[]> {
    const containers = await this.runtime.listContainers({ state: { state: "CONTAINER_RUNNING" } });
    // Holds because what the runtime lists are its statuses with a sandbox beside them.
    return containers as readonly (ContainerStatus & (typeof containers)[number])[];
  }

  /** One of its containers ends by itself. */
  async endOne(random: SeededRandom): Promise<void> {
    const one = random.pick(await this.running());
    if (one) await this.runtime.stopContainer({ containerId: one.id, timeoutSeconds: 0 });
  }

  private runtimeFor(process: Process): FakeRuntime {
    const random = this.parts.random.fork(`runtime-${process.name}`);
    return new Proxy(process.fence(this.runtime), {
      get: (target, name): unknown => {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== "function" || looks.has(name)) return value;
        return (...args: readonly unknown[]): unknown => {
          if (!random.happens(this.parts.faults().runtimeFails)) return Reflect.apply(value, target, args);
          this.parts.count("runtime failed");
          return Promise.reject(new RuntimeError("Unknown", `${String(name)}: as the seed says`));
        };
      },
    });
  }
}

/** Addresses come round again, as those that a real plugin gives. */
function addressIn(cidr: string, made: number): string {
  return cidr.replace(/\d+\/\d+$/, String(2 + (made % 250)));
}
