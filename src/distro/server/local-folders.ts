/**
 * Removes the folder of a local volume that was deleted, on the node that holds it, then lets the volume go. The
 * volume waits for it behind a finalizer, so that a crash in between loses nothing and forgets nothing.
 */
import { basename, dirname, resolve } from "node:path";
import { messageOf } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";
import type { Component } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import { WorkQueue } from "#base/queue.ts";
import type { Client } from "#client/client.ts";
import type { InformerFactory } from "#client/informer.ts";
import { machineFiles } from "#host/files.ts";
import { localFolderFinalizer } from "#controllers/local-storage-provisioner.ts";
import { isReason } from "#machinery/status.ts";
import { persistentVolumes, type PersistentVolume } from "#resources/core/persistent-volume.ts";

export interface LocalFoldersOptions {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly clock: Clock;
  readonly log: Log;
  readonly nodeName: string;
  /** Where local volumes are; nothing outside it is ever removed. */
  readonly folder: string;
}

const retryMs = 5_000;
const hostLabel = "kubernetes.io/hostname";

export function localFolders(options: LocalFoldersOptions): Component {
  return { name: "local-folders", run: (signal) => run(options, signal) };
}

async function run(options: LocalFoldersOptions, signal: AbortSignal): Promise<void> {
  const { informers, clock, log } = options;
  const informer = informers.informer(persistentVolumes);
  const queue = new WorkQueue(clock);
  informer.onChange(({ type, object }) => {
    if (type !== "deleted" && isOurs(object, options)) queue.add(object.metadata.name ?? "");
  }, signal);
  try {
    while (!signal.aborted) {
      const name = await queue.next(signal);
      try {
        const volume = informer.get({ namespace: "", name });
        if (volume && isOurs(volume, options)) await remove(volume, options);
      } catch (error) {
        log.warn("the folder of a volume was not removed", { volume: name, error: messageOf(error) });
        queue.addAfter(name, retryMs);
      } finally {
        queue.done(name);
      }
    }
  } finally {
    queue.close();
  }
}

function isOurs({ metadata, spec }: PersistentVolume, { nodeName, folder }: LocalFoldersOptions): boolean {
  const hosts = (spec.nodeAffinity?.required?.nodeSelectorTerms ?? [])
    .flatMap((term) => term.matchExpressions ?? [])
    .filter(({ key }) => key === hostLabel)
    .flatMap(({ values }) => values ?? []);
  const path = spec.hostPath?.path;
  return (
    metadata.deletionTimestamp !== undefined &&
    (metadata.finalizers ?? []).includes(localFolderFinalizer) &&
    hosts.includes(nodeName) &&
    path !== undefined &&
    dirname(resolve(path)) === resolve(folder)
  );
}

async function remove(volume: PersistentVolume, { client, folder: path }: LocalFoldersOptions): Promise<void> {
  // Pods wrote in it: nothing is removed through what they linked or left mounted there.
  using folder = await machineFiles.folder((await machineFiles.resolve(path)) ?? path);
  await folder?.remove(basename(resolve(volume.spec.hostPath?.path ?? "")), "unmount");
  const { name = "", resourceVersion, finalizers = [] } = volume.metadata;
  const kept = finalizers.filter((one) => one !== localFolderFinalizer);
  const body = { metadata: { resourceVersion, finalizers: kept } };
  try {
    await client.patch({ resource: persistentVolumes, key: { namespace: "", name } }, { type: "merge", body });
  } catch (error) {
    if (!isReason(error, "NotFound")) throw error;
  }
}
