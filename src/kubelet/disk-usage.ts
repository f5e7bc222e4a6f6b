/**
 * What a pod has on this node's disk: the writable layers and logs of its containers, its volumes that are the node's,
 * its hosts file and the last words of its containers. Everything a container can make grow is in it.
 *
 * @see https://kubernetes.io/docs/concepts/storage/ephemeral-storage/
 */
import type { Clock } from "#base/clock.ts";
import type { ContainerRuntime } from "#host/cri.ts";
import type { Files } from "#host/files.ts";
import type { SafeFolder } from "#host/safe-folder.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { PodDiskUsage } from "./plan/eviction.ts";
import { label, podLogFolder } from "./plan/identity.ts";
import { containersOf } from "./plan/observation.ts";

export interface DiskMeterParts {
  readonly runtime: ContainerRuntime;
  readonly files: Files;
  readonly clock: Clock;
  readonly podLogsFolder: string;
  readonly podFolder: (pod: Pod) => string;
}

// A walk works for some milliseconds and then leaves the processor to others ten times as long: it takes longer with
// many files, and never more than a small part of a core.
const pauseMs = 40;
// Beyond these the rest is not counted: a limit on the work, and far beyond what a disk's inodes usually allow.
const budget = { entriesMax: 20_000_000, depthMax: 10_000 };
// Files with several names count once, as far as so many are remembered; then each of their names counts.
const linkedMax = 100_000;
const logFilesMax = 10_000;

export interface Measuring {
  /** "gentle" where nobody waits for the answer. */
  readonly pace: "gentle" | "urgent";
  readonly signal: AbortSignal;
}

/** Bytes of writable layers by pod and container. */
export type Layers = ReadonlyMap<string, number>;

const layerKey = (podUid: string, container: string): string => `${podUid}/${container}`;

export class DiskMeter {
  private readonly parts: DiskMeterParts;

  constructor(parts: DiskMeterParts) {
    this.parts = parts;
  }

  /** The writable layers of all containers; asked once for many pods. */
  async layers(signal: AbortSignal): Promise<Layers> {
    const layers = new Map<string, number>();
    for (const { attributes, writableLayer } of await this.parts.runtime.listContainerStats({}, signal)) {
      const { labels } = attributes;
      const key = layerKey(labels[label.podUid] ?? "", labels[label.containerName] ?? "");
      layers.set(key, (layers.get(key) ?? 0) + (writableLayer?.usedBytes?.value ?? 0));
    }
    return layers;
  }

  async measure(pod: Pod, layers: Layers, how: Measuring): Promise<PodDiskUsage> {
    using folder = await this.parts.files.folder(this.parts.podFolder(pod));
    const volumes = new Map<string, number>();
    let bytes = 0;
    if (folder) {
      bytes += (await folder.facts("etc-hosts"))?.usedBytes ?? 0;
      bytes += await this.usedBelow(folder, "containers", how);
      for (const { name, path } of volumesOnDisk(pod)) {
        const used = await this.usedBelow(folder, path, how);
        volumes.set(name, used);
        bytes += used;
      }
    }
    const containers = new Map<string, number>();
    for (const { name } of containersOf(pod)) {
      const used = (layers.get(layerKey(pod.metadata.uid ?? "", name)) ?? 0) + (await this.logBytes(pod, name));
      containers.set(name, used);
      bytes += used;
    }
    return { bytes, containers, volumes };
  }

  private async logBytes(pod: Pod, container: string): Promise<number> {
    using folder = await this.parts.files.folder(`${podLogFolder(this.parts.podLogsFolder, pod)}/${container}`);
    if (!folder) return 0;
    let bytes = 0;
    for (const name of await folder.list("", logFilesMax)) bytes += (await folder.facts(name))?.usedBytes ?? 0;
    return bytes;
  }

  private async usedBelow(pod: SafeFolder, at: string, { pace, signal }: Measuring): Promise<number> {
    using folder = await pod.folder(at);
    if (!folder) return 0;
    const { clock } = this.parts;
    const linked = new Set<number>();
    let bytes = (await folder.facts(""))?.usedBytes ?? 0;
    await folder.walk(
      ({ facts: { kind, links, inode, usedBytes } }) => {
        if (kind !== "directory" && links > 1) {
          if (linked.has(inode)) return;
          if (linked.size < linkedMax) linked.add(inode);
        }
        bytes += usedBytes;
      },
      { ...budget, pause: async () => (pace === "gentle" ? clock.sleep(pauseMs, signal) : signal.throwIfAborted()) },
    );
    return bytes;
  }
}

/** Volumes whose bytes are on the node's disk, and neither in memory nor somebody else's. */
function volumesOnDisk(pod: Pod): readonly { readonly name: string; readonly path: string }[] {
  return (pod.spec.volumes ?? []).flatMap(({ name, emptyDir, configMap, downwardAPI }) => {
    if (emptyDir && emptyDir.medium !== "Memory") return [{ name, path: `volumes/kubernetes.io~empty-dir/${name}` }];
    if (configMap) return [{ name, path: `volumes/kubernetes.io~configmap/${name}` }];
    return downwardAPI ? [{ name, path: `volumes/kubernetes.io~downward-api/${name}` }] : [];
  });
}
