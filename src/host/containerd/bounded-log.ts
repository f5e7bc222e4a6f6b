/**
 * Keeps a log file that another program appends to within bounds: when it is full, it is copied aside and emptied. The
 * file is held open, for it is the one the writer has: who removes its name changes nothing in that.
 */
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, watch, writeFileSync, type FSWatcher } from "node:fs";
import { messageOf } from "#base/assert.ts";
import type { Log } from "#base/log.ts";

const logBytesMax = 8 * 1024 * 1024;

export class BoundedLog implements Disposable {
  private readonly path: string;
  private readonly log: Log;
  private readonly file: number;
  private readonly watcher: FSWatcher | undefined;

  constructor(path: string, log: Log) {
    this.path = path;
    this.log = log;
    this.file = openSync(path, "a+", 0o600);
    this.check();
    this.watcher = this.watched();
  }

  [Symbol.dispose](): void {
    this.watcher?.close();
    closeSync(this.file);
  }

  /** Undefined where nothing can be watched; the log then grows until the next start. */
  private watched(): FSWatcher | undefined {
    try {
      const watcher = watch(this.path, { persistent: false }, () => this.check());
      watcher.on("error", (error) => this.failed(error));
      return watcher;
    } catch (error) {
      this.failed(error);
      return undefined;
    }
  }

  /** Called by the machine: whatever happens here, kedge goes on. */
  private check(): void {
    try {
      const { size } = fstatSync(this.file);
      if (size <= logBytesMax) return;
      try {
        this.copyAside(size);
      } catch (error) {
        // A full disk above all needs room.
        this.failed(error);
      }
      // The writer appends, so that it goes on at the new end.
      ftruncateSync(this.file, 0);
    } catch (error) {
      this.failed(error);
    }
  }

  private copyAside(size: number): void {
    const kept = Buffer.alloc(Math.min(size, logBytesMax));
    const length = readSync(this.file, kept, 0, kept.length, size - kept.length);
    writeFileSync(`${this.path}.1`, kept.subarray(0, length), { mode: 0o600 });
  }

  private failed(error: unknown): void {
    this.log.warn("containerd's log is not kept within bounds", { path: this.path, error: messageOf(error) });
  }
}
