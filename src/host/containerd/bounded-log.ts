/** Keeps a log file that another program appends to within bounds: when it is full, it is copied aside and emptied. */
import { closeSync, copyFileSync, openSync, statSync, truncateSync, watch, type FSWatcher } from "node:fs";

const logBytesMax = 8 * 1024 * 1024;

export class BoundedLog implements Disposable {
  private readonly path: string;
  private readonly watcher: FSWatcher;

  constructor(path: string) {
    this.path = path;
    closeSync(openSync(path, "a", 0o600));
    this.check();
    this.watcher = watch(path, { persistent: false }, () => this.check());
  }

  [Symbol.dispose](): void {
    this.watcher.close();
  }

  private check(): void {
    if (statSync(this.path).size <= logBytesMax) return;
    copyFileSync(this.path, `${this.path}.1`);
    // The writer appends, so that it goes on at the new end.
    truncateSync(this.path, 0);
  }
}
