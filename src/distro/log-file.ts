/**
 * The file of `--log`. A disk that is full, or a file that cannot be written for another reason, ends nothing: lines are
 * lost and counted until writing works again.
 */
import { createWriteStream, type WriteStream } from "node:fs";
import type { Clock } from "#base/clock.ts";

const retryMs = 5_000;
// Lines that wait for a slow disk; more are lost.
const waitingBytesMax = 4 * 1024 * 1024;

export class LogFile {
  private readonly path: string;
  private readonly clock: Clock;
  private file: WriteStream | undefined;
  private closedMs = Number.NEGATIVE_INFINITY;
  private lost = 0;

  constructor(path: string, clock: Clock) {
    this.path = path;
    this.clock = clock;
  }

  /** Since the last one that was written. */
  get linesLost(): number {
    return this.lost;
  }

  /** Never throws. */
  write(line: string): void {
    const file = this.open();
    if (!file || file.writableLength > waitingBytesMax) {
      this.lost += 1;
      return;
    }
    const note = this.lost === 0 ? "" : `(${this.lost} lines could not be written here)\n`;
    this.lost = 0;
    file.write(`${note}${line}\n`);
  }

  private open(): WriteStream | undefined {
    if (this.file || this.clock.monotonicMs() - this.closedMs < retryMs) return this.file;
    const file = createWriteStream(this.path, { flags: "a", mode: 0o600 });
    file.on("error", () => {
      // What it had taken is lost with it.
      this.lost += 1;
      this.closedMs = this.clock.monotonicMs();
      if (this.file === file) this.file = undefined;
      file.destroy();
    });
    this.file = file;
    return file;
  }
}
