/**
 * Where kedge's own log goes: a file, or standard error. What cannot be written is dropped and counted, and the file is
 * opened again later: a full disk, or a reader that left, is no reason to end. A file that is full is put aside.
 */
import { createWriteStream, renameSync, statSync, type WriteStream } from "node:fs";
import type { Writable } from "node:stream";
import type { Clock } from "#base/clock.ts";

/** Lines that wait for a slow disk; beyond it they are dropped. */
const waitingBytesMax = 4 * 1024 * 1024;
const reopenMs = 5_000;
/** A file that is larger gets a new name, FILE.1, in place of the one that had it: there are never more than two of them. */
export const logBytesMax = 64 * 1024 * 1024;

export class LogFile {
  private readonly path: string;
  private readonly clock: Clock;
  private file: WriteStream | undefined;
  private dropped = 0;
  private reopenAtMs = 0;
  private readonly bytesMax: number;
  private sizeBytes = 0;

  constructor(path: string, clock: Clock, bytesMax = logBytesMax) {
    this.path = path;
    this.clock = clock;
    this.bytesMax = bytesMax;
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
    const text = `${lost}${line}\n`;
    this.sizeBytes += Buffer.byteLength(text);
    file.write(text, (error) => {
      if (error) this.dropped += 1;
    });
    if (this.sizeBytes > this.bytesMax) this.putAside(file);
  }

  /** What still waits goes to the file under its new name. */
  private putAside(file: WriteStream): void {
    this.file = undefined;
    file.end();
    try {
      renameSync(this.path, `${this.path}.1`);
    } catch {
      // It stays what it is, and takes a line now and then: it would grow without an end otherwise.
      this.reopenAtMs = this.clock.monotonicMs() + reopenMs;
    }
  }

  /** How many lines are missing since the last one that says so. */
  get droppedLines(): number {
    return this.dropped;
  }

  /** 0 for what is no file and cannot grow, such as a terminal or a pipe. */
  private sizeNow(): number {
    const facts = statSync(this.path, { throwIfNoEntry: false });
    return facts?.isFile() ? facts.size : 0;
  }

  private opened(): WriteStream | undefined {
    if (this.file || this.clock.monotonicMs() < this.reopenAtMs) return this.file;
    const file = createWriteStream(this.path, { flags: "a", mode: 0o600 });
    file.once("error", () => {
      this.reopenAtMs = this.clock.monotonicMs() + reopenMs;
      this.file = undefined;
    });
    this.file = file;
    this.sizeBytes = this.sizeNow();
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
