/** A kubelet on a containerd of its own, below a data directory of its own, for tests that run pods on this machine. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { must } from "#base/assert.ts";
import { machineClock } from "#base/clock.ts";
import { supervise } from "#base/component.ts";
import { createLog } from "#base/log.ts";
import { machineRandom } from "#base/random.ts";
import { machineOf } from "#distro/machine.ts";
import { Cgroups, detectCgroups } from "#host/cgroups.ts";
import { bridgeName, writePodNetwork } from "#host/cni.ts";
import { Containerd } from "#host/containerd.ts";
import { importImages } from "#host/image-archive.ts";
import { stopContainers } from "#host/killall.ts";
import { unmountBelow } from "#host/mounts.ts";
import { run } from "#host/processes.ts";
import { locateBundle } from "#host/runtime-bundle.ts";
import { kubeletDefaults, type KubeletConfig } from "#kubelet/config.ts";
import { createKubelet, type Kubelet } from "#kubelet/kubelet.ts";
import { pods, type Pod } from "#resources/core/pod.ts";
import { MemoryApi } from "./memory-api.ts";

const root = join(import.meta.dirname, "../..");
const never = new AbortController().signal;
const log = createLog({ clock: machineClock, level: "info", write: (line) => process.stderr.write(`${line}\n`) });
const parts = { clock: machineClock, log };

export const busybox = "kedge.local/busybox:1";

type Container = Pod["spec"]["containers"][number];

export class RealKubelet {
  readonly api = new MemoryApi();
  /** The data directory. */
  readonly folder: string;
  readonly config: KubeletConfig;
  private readonly podCidr: string;
  private readonly life = new AbortController();
  private containerd: { readonly component: Containerd; readonly done: Promise<void> } | undefined;
  private kubelet: { readonly api: Kubelet["api"]; stop(): Promise<void> } | undefined;

  constructor(name: string, podCidr: string) {
    this.folder = mkdtempSync(`/tmp/kedge-${name}-`);
    this.podCidr = podCidr;
    this.config = {
      ...kubeletDefaults,
      nodeName: "node-1",
      nodeIps: ["127.0.0.1"],
      rootFolder: join(this.folder, "agent/kubelet"),
      podLogsFolder: join(this.folder, "logs"),
      cgroupRoot: `/kedge-${name}-test`,
      staticPodFolder: undefined,
      clusterDns: ["10.96.0.10"],
      version: "v1.36.0+kedge.test",
    };
  }

  async start(): Promise<void> {
    await run("sh", [join(root, "tools/node.sh"), join(root, "tools/runtime/build.ts")], { timeoutMs: 900_000 });
    await run("sh", [join(root, "examples/images/build"), "busybox"], { timeoutMs: 900_000 });
    const bundle = must(locateBundle(root), "the bundle was built");
    // Mounts of containers are to be seen here, wherever the tests run.
    await run("mount", ["-n", "--bind", this.folder, this.folder], { timeoutMs: 60_000 });
    await run("mount", ["-n", "--make-shared", this.folder], { timeoutMs: 60_000 });
    mkdirSync(this.config.podLogsFolder);
    const component = new Containerd({ bundle, dataFolder: this.folder, ...parts });
    this.containerd = { component, done: supervise(component, parts, this.life.signal) };
    writePodNetwork(component.folders, { podCidrs: [this.podCidr] });
    await component.ready(never);
    const archive = join(root, "examples/images/out/busybox.tar");
    await importImages(archive, { bundle, socket: component.folders.socket }, never);
    this.startKubelet();
  }

  startKubelet(): void {
    const life = new AbortController();
    const kubelet = createKubelet({
      client: this.api,
      informers: this.api,
      recorder: this.api,
      runtime: must(this.containerd, "containerd was started").component.runtime,
      machine: machineOf(),
      random: machineRandom,
      config: this.config,
      ...parts,
    });
    const done = supervise(kubelet, parts, life.signal);
    this.kubelet = {
      api: kubelet.api,
      stop: () => {
        life.abort(new Error("the test stops the kubelet"));
        return done;
      },
    };
  }

  async stopKubelet(): Promise<void> {
    await this.kubelet?.stop();
  }

  async stop(): Promise<void> {
    await this.stopKubelet();
    this.life.abort(new Error("the test stops containerd"));
    await this.containerd?.done;
    await stopContainers(this.folder, { clock: machineClock, signal: never });
    const bundle = must(locateBundle(root), "the bundle was built");
    if (this.containerd)
      await run(bundle.ip, ["link", "delete", bridgeName(this.containerd.component.folders)], { timeoutMs: 60_000 });
    await new Cgroups(detectCgroups()).remove(this.config.cgroupRoot);
    await unmountBelow(this.folder);
    rmSync(this.folder, { recursive: true });
  }

  async create(name: string, spec: Omit<Pod["spec"], "nodeName">): Promise<void> {
    await this.api.create(pods, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace: "default", labels: { app: name } },
      spec: { terminationGracePeriodSeconds: 0, ...spec, nodeName: "node-1" },
      status: {},
    });
  }

  status(name: string): Pod["status"] {
    return this.api.find(pods, { namespace: "default", name })?.status ?? {};
  }

  /** The pod's status once `holds`. @throws Error with what was found after 30 seconds. */
  async until(name: string, holds: (status: Pod["status"]) => boolean): Promise<Pod["status"]> {
    try {
      const look = (): Pod["status"] | undefined => (holds(this.status(name)) ? this.status(name) : undefined);
      return await this.api.until(look, AbortSignal.timeout(30_000));
    } catch (error) {
      const found = `found ${JSON.stringify(this.status(name))} after ${JSON.stringify(this.api.events.slice(-8))}`;
      throw new Error(found, { cause: error });
    }
  }

  podFolder(name: string): string {
    const pod = must(this.api.find(pods, { namespace: "default", name }), "the pod exists");
    return join(this.config.rootFolder, "pods", pod.metadata.uid ?? "");
  }

  logPath(name: string, container = "main"): string {
    const pod = must(this.api.find(pods, { namespace: "default", name }), "the pod exists");
    return join(this.config.podLogsFolder, `default_${name}_${pod.metadata.uid}`, container, "0.log");
  }

  log(name: string, container = "main"): string {
    return readFileSync(this.logPath(name, container), "utf8");
  }

  /** Deletes the pod, and waits until this machine has nothing of it. */
  async remove(name: string): Promise<void> {
    await this.api.delete(pods, { namespace: "default", name }, { gracePeriodSeconds: 0 });
    const signal = AbortSignal.timeout(30_000);
    const known = (): boolean => this.kubelet?.api.pods().some(({ metadata }) => metadata.name === name) === true;
    while (known()) await machineClock.sleep(20, signal);
  }
}

/** A container without any right. */
export function unprivileged(script: string, more: Partial<Container> = {}): Container {
  return {
    name: "main",
    image: busybox,
    command: ["sh", "-c", script],
    resources: {},
    securityContext: {
      runAsUser: 65_534,
      runAsGroup: 65_534,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
    },
    ...more,
  };
}
