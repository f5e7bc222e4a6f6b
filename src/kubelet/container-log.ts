/**
 * Logs of containers in the form the runtime writes them: `time stream P|F text`, a line that was cut having P.
 *
 * @see https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
 */
import { dirname, join } from "node:path/posix";
import type { Clock } from "#base/clock.ts";
import type { Files } from "#host/files.ts";

const chunkBytes = 64 * 1024;
const lineFeed = 10;

export interface LogOptions {
  readonly follow: boolean;
  readonly timestamps: boolean;
  /** Absent: from the beginning. */
  readonly tailLines?: number;
  readonly sinceMs?: number;
  readonly limitBytes?: number;
  /** Absent: both. */
  readonly stream?: "stdout" | "stderr";
}

export interface FollowedLog {
  readonly path: string;
  /** Resolves after the file may have grown, at the latest after a second. */
  readonly grown: (signal: AbortSignal) => Promise<void>;
  /** Whether more may still be written. */
  readonly open: () => Promise<boolean>;
}

interface LogLine {
  readonly time: string;
  readonly stream: string;
  readonly partial: boolean;
  readonly content: Buffer;
}

function parseLine(line: Buffer): LogLine | undefined {
  const first = line.indexOf(32);
  const second = line.indexOf(32, first + 1);
  const third = line.indexOf(32, second + 1);
  if (first < 0 || second < 0 || third < 0) return undefined;
  return {
    time: line.toString("latin1", 0, first),
    stream: line.toString("latin1", first + 1, second),
    partial: line.toString("latin1", second + 1, third).split(":")[0] === "P",
    content: line.subarray(third + 1),
  };
}

/** The text of a container's log, in pieces. Ends with the log, or with the container when it is followed. */
export async function* readLog(
  files: Files,
  log: FollowedLog,
  options: LogOptions & { readonly signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const { path } = log;
  let offset = options.tailLines === undefined ? 0 : await tailOffset(files, path, options.tailLines);
  let inode = (await files.facts(path))?.inode;
  let left = options.limitBytes ?? Number.POSITIVE_INFINITY;
  const writer = new LogText(options);
  let at = path;
  let rotated: string | undefined;
  while (!options.signal.aborted) {
    const wasOpen = options.follow && (await log.open());
    for (;;) {
      const chunk = await files.readPart(at, { offset, length: chunkBytes });
      if (!chunk || chunk.length === 0) break;
      offset += chunk.length;
      const text = writer.take(chunk);
      if (text.length > left) {
        yield text.subarray(0, left);
        return;
      }
      left -= text.length;
      if (text.length > 0) yield text;
    }
    const now = await files.facts(path);
    if (now && inode !== undefined && now.inode !== inode && !rotated) {
      // The log was rotated: its end, written after the last look, now lies under another name.
      rotated = await findByInode(files, path, inode);
      inode = now.inode;
      at = rotated ?? path;
      if (!rotated) offset = 0;
      continue;
    }
    if (rotated) {
      rotated = undefined;
      at = path;
      offset = 0;
      continue;
    }
    inode ??= now?.inode;
    if (!wasOpen) return;
    await log.grown(options.signal);
  }
}

/** The file beside `path` that has this inode. */
async function findByInode(files: Files, path: string, inode: number): Promise<string | undefined> {
  const folder = dirname(path);
  for (const name of await files.list(folder)) {
    const one = join(folder, name);
    if ((await files.facts(one))?.inode === inode) return one;
  }
  return undefined;
}

/** Turns bytes of the file into the text that is asked for; keeps what ends within a line. */
class LogText {
  private readonly options: LogOptions;
  private rest: Buffer = Buffer.alloc(0);
  private inLine = false;

  constructor(options: LogOptions) {
    this.options = options;
  }

  take(chunk: Uint8Array): Buffer {
    const bytes = Buffer.concat([this.rest, chunk]);
    const parts: Buffer[] = [];
    let start = 0;
    for (let end = bytes.indexOf(lineFeed); end >= 0; end = bytes.indexOf(lineFeed, start)) {
      this.add(parts, bytes.subarray(start, end));
      start = end + 1;
    }
    this.rest = bytes.subarray(start);
    return Buffer.concat(parts);
  }

  private add(parts: Buffer[], raw: Buffer): void {
    const line = parseLine(raw);
    const { sinceMs, stream, timestamps } = this.options;
    if (!line || (stream && line.stream !== stream)) return;
    if (sinceMs !== undefined && Date.parse(line.time) < sinceMs) return;
    if (timestamps && !this.inLine) parts.push(Buffer.from(`${line.time} `));
    parts.push(line.content);
    if (!line.partial) parts.push(Buffer.from("\n"));
    this.inLine = line.partial;
  }
}

/** Where the last `lines` lines of the file begin. */
async function tailOffset(files: Files, path: string, lines: number): Promise<number> {
  const size = (await files.facts(path))?.sizeBytes ?? 0;
  if (lines === 0) return size;
  let found = 0;
  for (let end = size; end > 0;) {
    const offset = Math.max(end - chunkBytes, 0);
    const chunk = Buffer.from((await files.readPart(path, { offset, length: end - offset })) ?? []);
    for (let at = chunk.length - 1; at >= 0; at -= 1) {
      const isLast = offset + at === size - 1;
      if (chunk[at] !== lineFeed || isLast) continue;
      found += 1;
      if (found === lines) return offset + at + 1;
    }
    end = offset;
  }
  return 0;
}

/** The end of a log as plain text; "" when there is none. */
export async function readLastLines(
  files: Files,
  path: string,
  limits: { readonly linesMax: number; readonly bytesMax: number },
): Promise<string> {
  const log: FollowedLog = { path, grown: () => Promise.resolve(), open: () => Promise.resolve(false) };
  const parts: Uint8Array[] = [];
  const signal = new AbortController().signal;
  const options = { follow: false, timestamps: false, tailLines: limits.linesMax, signal };
  for await (const part of readLog(files, log, options)) parts.push(part);
  return new TextDecoder().decode(Buffer.concat(parts).subarray(-limits.bytesMax));
}

/** A wait for the file to change, or for the next look whether its container still runs. */
export function watchGrown(
  parts: { readonly files: Files; readonly clock: Clock },
  path: string,
  lookMs: number,
): FollowedLog["grown"] {
  let changed = false;
  let wake = (): void => undefined;
  let watching = false;
  return async (signal) => {
    if (!watching) {
      watching = true;
      parts.files.watch(
        path,
        () => {
          changed = true;
          wake();
        },
        signal,
      );
      // What was written before the watch began is read at once.
      return;
    }
    if (!changed)
      await new Promise<void>((resolve) => {
        const timer = parts.clock.after(lookMs, resolve);
        wake = () => {
          timer.cancel();
          resolve();
        };
        signal.addEventListener("abort", () => wake(), { once: true });
      });
    changed = false;
  };
}
