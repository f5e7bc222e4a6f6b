/**
 * Keeps logs of containers from filling the disk: a large one is set aside, a new one begun, and the oldest removed.
 *
 * @see https://kubernetes.io/docs/concepts/cluster-administration/logging/#log-rotation
 */
import { basename, dirname, join } from "node:path/posix";
import { messageOf } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { ContainerRuntime } from "#host/cri.ts";
import type { Files } from "#host/files.ts";
import { isRunning } from "./plan/observation.ts";
import type { Pods } from "./pods.ts";

export interface LogRotationParts {
  readonly runtime: ContainerRuntime;
  readonly files: Files;
  readonly clock: Clock;
  readonly log: Log;
  readonly sizeBytesMax: number;
  readonly filesMax: number;
}

const lookMs = 10_000;

export class LogRotation {
  private readonly parts: LogRotationParts;
  private readonly pods: Pods;

  constructor(parts: LogRotationParts, pods: Pods) {
    this.parts = parts;
    this.pods = pods;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.parts;
    while (!signal.aborted) {
      await clock.sleep(lookMs, signal).catch(() => undefined);
      for (const { observed } of this.pods.all())
        for (const { id, logPath } of observed.containers.filter(isRunning)) {
          if (signal.aborted) return;
          await this.rotateIfLarge(id, logPath, signal).catch((error: unknown) => {
            log.warn("log not rotated", { path: logPath, error: messageOf(error) });
          });
        }
    }
  }

  async rotateIfLarge(containerId: string, path: string, signal: AbortSignal): Promise<void> {
    const { files, clock, runtime, sizeBytesMax } = this.parts;
    const size = (await files.facts(path))?.sizeBytes ?? 0;
    if (size <= sizeBytesMax) return;
    const stamp = new Date(clock.nowMs()).toISOString().replaceAll(/[-:]/g, "").replace("T", "-").slice(0, 15);
    const aside = `${path}.${stamp}`;
    await files.rename(path, aside);
    try {
      await runtime.reopenContainerLog(containerId, signal);
    } catch (error) {
      // The runtime still writes to the old file: it gets its name back.
      await files.rename(aside, path);
      throw error;
    }
    await this.removeOldest(path);
  }

  private async removeOldest(path: string): Promise<void> {
    const { files, filesMax } = this.parts;
    const aside = (await files.list(dirname(path))).filter((name) => name.startsWith(`${basename(path)}.`));
    // The names end with the time: they sort from the oldest to the newest.
    for (const name of aside.slice(0, Math.max(aside.length - (filesMax - 1), 0)))
      await files.remove(join(dirname(path), name));
  }
}
