/**
 * Where kedge's own log goes: a file, or standard error. What cannot be written is dropped and counted, and the file is
 * opened again later: a full disk, or a reader that left, is no reason to end.
 */
import { createWriteStream, type WriteStream } from "node:fs";
import type { Writable } from "node:stream";
import type { Clock } from "#base/clock.ts";

/** Lines that wait for a slow disk; beyond it they are dropped. */
const waitingBytesMax = 4 * 1024 * 1024;
const reopenMs = 5_000;

export class LogFile {
  private readonly path: string;
  private readonly clock: Clock;
  private file: WriteStream | undefined;
  private dropped = 0;
  private reopenAtMs = 0;

  constructor(path: string, clock: Clock) {
    this.path = path;
    this.clock = clock;
  }

  /** Never throws and never waits. */
  write(line: string): void {
    const file = this.opened();
    if (!file || file.writableLength > waitingBytesMax) {
      this.dropped += 1;
      return;
    }
    const lost = this.dropped === 0 ? "" : `(${this.dropped} lines could not be written here)\n`;
    this.dropped = 0;
    file.write(`${lost}${line}\n`, (error) => {
      if (error) this.dropped += 1;
    });
  }

  /** How many lines are missing since the last one that says so. */
  get droppedLines(): number {
    return this.dropped;
  }

  private opened(): WriteStream | undefined {
    if (this.file || this.clock.monotonicMs() < this.reopenAtMs) return this.file;
    const file = createWriteStream(this.path, { flags: "a", mode: 0o600 });
    file.once("error", () => {
      this.reopenAtMs = this.clock.monotonicMs() + reopenMs;
      this.file = undefined;
    });
    this.file = file;
    return file;
  }
}

/** Lines to a stream that may break, such as a terminal that is closed. */
export function lineWriter(stream: Writable): (line: string) => void {
  stream.on("error", () => undefined);
  return (line) => {
    if (stream.writableLength <= waitingBytesMax) stream.write(`${line}\n`);
  };
}
