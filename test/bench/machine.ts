/** What /proc says of processes and of the machine. */
import { execFileSync } from "node:child_process";
import {
  closeSync,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeSync,
} from "node:fs";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { containerdFolders } from "#host/containerd.ts";
import { percentile } from "./figures.ts";

export interface ProcessFigures {
  readonly pid: number;
  readonly name: string;
  readonly rssBytes: number;
  /** Pages shared with others count by their share. */
  readonly pssBytes: number;
  /** Of no file and shared with nobody: what the machine has back when the process ends. */
  readonly dirtyBytes: number;
  readonly cpuMs: number;
  /** Handed to the file system for the disk since the process began. */
  readonly writtenBytes: number;
}

// USER_HZ, the same on every Linux that Node runs on.
const tickMs = 10;

/** @param pids Those that have ended meanwhile are left out. */
export function figuresOf(pids: readonly number[]): readonly ProcessFigures[] {
  return pids.flatMap((pid) => {
    try {
      return [figuresOfOne(pid)];
    } catch {
      // It ended while it was looked at: it is none of the processes any more.
      return [];
    }
  });
}

function figuresOfOne(pid: number): ProcessFigures {
  const read = (name: string): string => readFileSync(`/proc/${pid}/${name}`, "utf8");
  const kibibytes = (text: string, name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0) * 1_024;
  const stat = read("stat");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const smaps = read("smaps_rollup");
  const io = read("io");
  const written = (name: string): number => Number(new RegExp(`^${name}: (\\d+)`, "m").exec(io)?.[1] ?? 0);
  return {
    pid,
    name: nameOf(pid),
    rssBytes: kibibytes(smaps, "Rss"),
    pssBytes: kibibytes(smaps, "Pss"),
    dirtyBytes: kibibytes(smaps, "Private_Dirty"),
    cpuMs: (Number(fields[11]) + Number(fields[12])) * tickMs,
    writtenBytes: written("write_bytes") - written("cancelled_write_bytes"),
  };
}

function nameOf(pid: number): string {
  const args = argumentsOf(pid);
  if (args.some((one) => one.endsWith("tools/pack/start.js"))) return "kedge";
  return (args[0] ?? "").split("/").at(-1) || readFileSync(`/proc/${pid}/comm`, "utf8").trim();
}

function argumentsOf(pid: number): readonly string[] {
  return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
}

/** A server's process, containerd and shims of its data directory, and all that run below them. */
export function clusterProcesses(serverPid: number, dataFolder: string): readonly number[] {
  const { run } = containerdFolders(dataFolder);
  const parents = new Map<number, number>();
  const found = new Set([serverPid]);
  for (const name of readdirSync("/proc").filter((one) => /^\d+$/.test(one))) {
    const pid = Number(name);
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      parents.set(pid, Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
      if (argumentsOf(pid).some((one) => one.startsWith(run))) found.add(pid);
    } catch {
      // It ended while it was looked at.
    }
  }
  // A set takes what is added while it is gone through.
  for (const pid of found) for (const [child, parent] of parents) if (parent === pid) found.add(child);
  return [...found];
}

/** One sentence for whoever compares figures. */
export function describeMachine(dataFolder: string): string {
  const model = cpus()[0]?.model.trim() || "unnamed processor";
  const [, distribution = "Linux"] = /^PRETTY_NAME="?([^"\n]+)/m.exec(readFileSync("/etc/os-release", "utf8")) ?? [];
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB of memory`;
  const disk = `${fileSystemOf(dataFolder)}, one fdatasync of 1 KB takes ${fsyncMs(dataFolder).toFixed(2)} ms`;
  return `${cpus().length} x ${model}, ${memory}, ${distribution}, kernel ${release()}, ${disk}, Node ${process.version}`;
}

function fileSystemOf(folder: string): string {
  return execFileSync("stat", ["-f", "-c", "%T", realpathSync(folder)], { encoding: "utf8" }).trim();
}

function fsyncMs(folder: string): number {
  const scratch = mkdtempSync(join(folder || tmpdir(), "fsync-"));
  const file = openSync(join(scratch, "file"), "w");
  try {
    const times = Array.from({ length: 100 }, () => {
      writeSync(file, new Uint8Array(1_024).fill(32));
      const startMs = performance.now();
      fdatasyncSync(file);
      return performance.now() - startMs;
    });
    return percentile(times, 0.5);
  } finally {
    closeSync(file);
    rmSync(scratch, { recursive: true });
  }
}
