/**
 * Logs of containers in the form the runtime writes them: `time stream P|F text`, a line that was cut having P.
 *
 * @see https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
 */
import { basename } from "node:path/posix";
import type { Clock } from "#base/clock.ts";
import type { Files } from "#host/files.ts";
import type { SafeFolder } from "#host/safe-folder.ts";

const chunkBytes = 64 * 1024;
const lineBytesMax = 1024 * 1024;
const logFilesMax = 10_000;
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

/** The folder of a log, reached from the folder of all pods' logs through no link. */
export async function logFolder(files: Files, path: string): Promise<SafeFolder | undefined> {
  const steps = path.split("/");
  // Below the folder of all logs: that of the pod, that of the container, the file.
  const root = steps.slice(0, -3).join("/");
  if (root === "") return undefined;
  using logs = await files.folder((await files.resolve(root)) ?? root);
  return await logs?.folder(steps.slice(-3, -1).join("/"));
}

/** The text of a container's log, in pieces. Ends with the log, or with the container when it is followed. */
export async function* readLog(
  files: Files,
  log: FollowedLog,
  options: LogOptions & { readonly signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  using folder = await logFolder(files, log.path);
  if (!folder) return;
  const life = new AbortController();
  try {
    yield* readFrom(folder, log, { ...options, signal: AbortSignal.any([options.signal, life.signal]) });
  } finally {
    // Whoever watches the file for this reader stops with it.
    life.abort(new Error("the log was read"));
  }
}

async function* readFrom(
  folder: SafeFolder,
  log: FollowedLog,
  options: LogOptions & { readonly signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const path = basename(log.path);
  const facts = await folder.facts(path);
  if (!facts) return;
  let { inode } = facts;
  // A container may write faster than anybody reads: without following, the log is what it was when it was asked for.
  const end = options.follow ? Infinity : facts.sizeBytes;
  const { tailLines } = options;
  let offset = tailLines === undefined ? 0 : await tailOffset(folder, path, { end: facts.sizeBytes, lines: tailLines });
  let left = options.limitBytes ?? Number.POSITIVE_INFINITY;
  const writer = new LogText(options);
  let at = path;
  let rotated: string | undefined;
  while (!options.signal.aborted) {
    const wasOpen = options.follow && (await log.open());
    for (;;) {
      const chunk = await folder.readPart(at, { offset, length: Math.min(chunkBytes, end - offset) });
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
    if (offset >= end) return;
    const now = await folder.facts(path);
    if (now && now.inode !== inode && !rotated) {
      // The log was rotated: its end, written after the last look, now lies under another name.
      rotated = await findByInode(folder, inode);
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
    if (!wasOpen) return;
    await log.grown(options.signal);
  }
}

/** The file in the folder that has this inode. */
async function findByInode(folder: SafeFolder, inode: number): Promise<string | undefined> {
  for (const name of await folder.list("", logFilesMax)) if ((await folder.facts(name))?.inode === inode) return name;
  return undefined;
}

/** Removes a log, with what was rotated of it. */
export async function removeLog(files: Files, path: string): Promise<void> {
  using folder = await logFolder(files, path);
  if (!folder) return;
  const log = basename(path);
  for (const name of await folder.list("", logFilesMax))
    if (name === log || name.startsWith(`${log}.`)) await folder.remove(name, "refuse");
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
    // The runtime cuts lines long before: what is longer is no line of its.
    this.rest = bytes.length - start > lineBytesMax ? Buffer.alloc(0) : bytes.subarray(start);
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

/** Where the last `lines` lines before the byte `end` of the file begin. */
async function tailOffset(
  folder: SafeFolder,
  path: string,
  { end, lines }: { readonly end: number; readonly lines: number },
): Promise<number> {
  if (lines === 0) return end;
  let found = 0;
  for (let until = end; until > 0;) {
    const offset = Math.max(until - chunkBytes, 0);
    const chunk = Buffer.from((await folder.readPart(path, { offset, length: until - offset })) ?? []);
    for (let at = chunk.length - 1; at >= 0; at -= 1) {
      const isLast = offset + at === end - 1;
      if (chunk[at] !== lineFeed || isLast) continue;
      found += 1;
      if (found === lines) return offset + at + 1;
    }
    until = offset;
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
    if (!changed && !signal.aborted)
      await new Promise<void>((resolve) => {
        const done = (): void => {
          timer.cancel();
          // A log is followed for days: each wait takes away what it added.
          signal.removeEventListener("abort", done);
          wake = () => undefined;
          resolve();
        };
        const timer = parts.clock.after(lookMs, done);
        wake = done;
        signal.addEventListener("abort", done, { once: true });
      });
    changed = false;
  };
}
