/** A Linux machine in memory, as far as a kubelet touches it. It outlives the kubelets that run on it. */
import type { ShimProcess } from "#host/shims.ts";
import type { Machine } from "#kubelet/machine.ts";
import { MemoryFiles } from "./memory-files.ts";

type Http = Machine["network"]["http"];

export class SimulatedMachine {
  readonly files = new MemoryFiles({
    "/proc/cpuinfo": "processor\t: 0\nprocessor\t: 1\n",
    "/proc/meminfo": "MemTotal: 8000000 kB\nMemAvailable: 6000000 kB\n",
    "/proc/loadavg": "0 0 0 1/100 1\n",
    "/proc/sys/kernel/pid_max": "32768\n",
  });
  /** Paths of the control groups there are. */
  readonly groups = new Set<string>();
  /** Processes that stand for sandboxes, as the machine shows them. */
  shims: ShimProcess[] = [];
  http: Http = () => Promise.resolve({ status: 200, body: "" });

  /** The machine in the kubelet's words. */
  forKubelet(): Machine {
    const nothing = (): Promise<void> => Promise.resolve();
    const { files, groups } = this;
    return {
      files,
      cgroups: {
        ensure: async (path) => void groups.add(path),
        remove: async (path) => void groups.delete(path),
        children: async (path) =>
          [...groups].filter((one) => one.startsWith(`${path}/`)).map((one) => one.slice(path.length + 1)),
        usage: () => Promise.resolve(undefined),
      },
      mounts: { memory: nothing, isMounted: () => Promise.resolve(false) },
      network: {
        http: (...args) => this.http(...args),
        tcp: nothing,
        grpcHealth: () => Promise.resolve("SERVING"),
      },
      shims: {
        list: () => Promise.resolve(this.shims),
        end: async (shim) => void (this.shims = this.shims.filter((one) => one !== shim)),
      },
    };
  }
}
