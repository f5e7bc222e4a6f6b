/**
 * Keeps logs of containers from filling the disk: a large one is set aside, a new one begun, and the oldest removed. A
 * log that grows is looked at the sooner the faster it grows; one that is quiet, when it changes.
 *
 * @see https://kubernetes.io/docs/concepts/cluster-administration/logging/#log-rotation
 */
import { basename, dirname } from "node:path/posix";
import { messageOf } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { ContainerRuntime } from "#host/cri.ts";
import type { Files } from "#host/files.ts";
import type { SafeFolder } from "#host/safe-folder.ts";
import { logFolder } from "./container-log.ts";
import type { ObservedContainer } from "./plan/observation.ts";

export interface LogRotationParts {
  readonly runtime: ContainerRuntime;
  readonly files: Files;
  readonly clock: Clock;
  readonly log: Log;
  readonly sizeBytesMax: number;
  readonly filesMax: number;
  /** Containers whose logs may grow. */
  readonly running: () => readonly Pick<ObservedContainer, "id" | "logPath">[];
}

const quietLookMs = 10_000;
// A container writes some 100 MB a second at most: that much passes its limit before it is seen to be growing.
const growingLookMs = 1_000;
const soonestLookMs = 100;
const logFilesMax = 10_000;

interface Seen {
  sizeBytes: number;
  atMs: number;
  nextMs: number;
  /** Ends the watch over a log that is quiet. */
  watch: AbortController | undefined;
}

export class LogRotation {
  private readonly parts: LogRotationParts;
  /** By container. */
  private readonly seen = new Map<string, Seen>();
  /** Aborted when a log is to be looked at sooner than was planned. */
  private awake = new AbortController();

  constructor(parts: LogRotationParts) {
    this.parts = parts;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.parts;
    try {
      while (!signal.aborted) {
        this.awake = new AbortController();
        await this.lookAtAll(signal);
        const nextMs = Math.min(...[...this.seen.values()].map((one) => one.nextMs), clock.monotonicMs() + quietLookMs);
        const sleepMs = Math.max(nextMs - clock.monotonicMs(), soonestLookMs);
        await clock.sleep(sleepMs, AbortSignal.any([signal, this.awake.signal])).catch(() => undefined);
      }
    } finally {
      this.forgetOthers(new Set());
    }
  }

  /** Looks at the logs of containers that were not known: one may be flooded from its first moment. */
  containersRun(running: readonly Pick<ObservedContainer, "id">[]): void {
    if (running.some(({ id }) => !this.seen.has(id))) this.wake();
  }

  private wake(): void {
    this.awake.abort(new Error("a log changed"));
  }

  private async lookAtAll(signal: AbortSignal): Promise<void> {
    const running = this.parts.running();
    this.forgetOthers(new Set(running.map(({ id }) => id)));
    for (const { id, logPath } of running) {
      if (signal.aborted) return;
      const nowMs = this.parts.clock.monotonicMs();
      const seen = this.seen.get(id) ?? { sizeBytes: 0, atMs: nowMs, nextMs: nowMs, watch: undefined };
      this.seen.set(id, seen);
      if (seen.nextMs > nowMs) continue;
      seen.nextMs = nowMs + quietLookMs;
      await this.look(seen, { id, logPath }, signal).catch((error: unknown) => {
        this.parts.log.warn("log not rotated", { path: logPath, error: messageOf(error) });
      });
    }
  }

  private async look(
    seen: Seen,
    { id, logPath }: { readonly id: string; readonly logPath: string },
    signal: AbortSignal,
  ): Promise<void> {
    using folder = await logFolder(this.parts.files, logPath);
    const size = (await folder?.facts(basename(logPath)))?.sizeBytes;
    if (!folder || size === undefined) return await this.begin({ id, logPath }, signal);
    const nowMs = this.parts.clock.monotonicMs();
    const bytesPerMs = Math.max(size - seen.sizeBytes, 0) / Math.max(nowMs - seen.atMs, 1);
    const { sizeBytesMax } = this.parts;
    const full = size > sizeBytesMax;
    if (full) await this.rotate(folder, { id, name: basename(logPath) }, signal);
    const grew = size !== seen.sizeBytes;
    seen.sizeBytes = full ? 0 : size;
    seen.atMs = nowMs;
    const untilFullMs = bytesPerMs === 0 ? quietLookMs : (sizeBytesMax - seen.sizeBytes) / bytesPerMs / 2;
    if (grew) seen.nextMs = nowMs + Math.min(Math.max(untilFullMs, soonestLookMs), growingLookMs);
    else this.watch(seen, logPath);
  }

  /** Somebody removed the log: what the runtime still writes would be read by nobody, and fill the disk unseen. */
  private async begin(
    { id, logPath }: { readonly id: string; readonly logPath: string },
    signal: AbortSignal,
  ): Promise<void> {
    await this.parts.files.makeFolder(dirname(logPath), 0o750);
    await this.parts.runtime.reopenContainerLog(id, signal);
  }

  private watch(seen: Seen, logPath: string): void {
    if (seen.watch) return;
    const { files, clock } = this.parts;
    const watch = new AbortController();
    seen.watch = watch;
    files.watch(
      logPath,
      () => {
        watch.abort(new Error("the log changed"));
        if (seen.watch !== watch) return;
        seen.watch = undefined;
        seen.nextMs = clock.monotonicMs() + soonestLookMs;
        this.wake();
      },
      watch.signal,
    );
  }

  private forgetOthers(known: ReadonlySet<string>): void {
    for (const [id, { watch }] of this.seen) {
      if (known.has(id)) continue;
      watch?.abort(new Error("the container ended"));
      this.seen.delete(id);
    }
  }

  private async rotate(
    folder: SafeFolder,
    { id, name }: { readonly id: string; readonly name: string },
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, runtime } = this.parts;
    // To the millisecond, so that two in one second keep their own.
    const stamp = new Date(clock.nowMs()).toISOString().replaceAll(/[-:]/g, "").replace("T", "-").slice(0, 19);
    const aside = `${name}.${stamp}`;
    await folder.rename(name, aside);
    try {
      await runtime.reopenContainerLog(id, signal);
    } catch (error) {
      // The runtime still writes to the old file: it gets its name back.
      await folder.rename(aside, name);
      throw error;
    }
    await this.removeOldest(folder, name);
  }

  private async removeOldest(folder: SafeFolder, name: string): Promise<void> {
    const aside = (await folder.list("", logFilesMax)).filter((one) => one.startsWith(`${name}.`));
    // The names end with the time: they sort from the oldest to the newest.
    for (const old of aside.slice(0, Math.max(aside.length - (this.parts.filesMax - 1), 0)))
      await folder.remove(old, "refuse");
  }
}
