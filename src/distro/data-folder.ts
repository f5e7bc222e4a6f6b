/**
 * The data directory: made with tight rights, stamped with the version that wrote it, and held by one process at a time.
 * The kernel's lock decides who holds it; a file beside it says who that is, for people and for `kedge killall`.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "#base/assert.ts";
import { FileError, fileErrorOf } from "#host/file-error.ts";
import { lives, parentOf, processOf, type ProcessId } from "#host/processes.ts";
import { writeSecret } from "./certificates/files.ts";
import { tryLock } from "./folder-lock.ts";

/** A reason not to start, as one sentence. The command prints it and ends with `exitCode`. */
export class StartError extends Error {
  override readonly name = "StartError";
  readonly exitCode: number;
  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Raised when what is stored changes so that an older kedge cannot read it. */
const layoutVersion = 1;

/** What a data directory is held for: to run it, or to end everything in it. */
type Purpose = "run" | "cleanup";

export interface Holder {
  readonly id: ProcessId;
  readonly purpose: Purpose;
}

/** Names in a data directory that are there while it is held. */
export const lockFiles = { lock: "held.lock", holder: "kedge.lock", unit: "systemd-unit" } as const;

/** The directory, held until disposed of. @throws StartError */
export function holdDataFolder(folder: string): Disposable {
  makeFolder(folder);
  const lock = take(folder, "run");
  if (!lock) throw inUse(folder);
  try {
    checkLayout(join(folder, "layout-version"));
    recordUnit(join(folder, lockFiles.unit));
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
  return lock;
}

/** The directory, held so that nothing starts in it any more; undefined while somebody else has it. */
export function seizeDataFolder(folder: string): Disposable | undefined {
  return take(folder, "cleanup");
}

/** Who holds a data directory now, as far as it has said; undefined when nobody does. */
export function holderOf(folder: string): Holder | undefined {
  const path = join(folder, lockFiles.holder);
  if (!existsSync(path)) return undefined;
  const [pid = "", startTicks = "", purpose = "run"] = readFileSync(path, "utf8").trim().split(" ");
  const id = { pid: Number(pid), startTicks: Number(startTicks) };
  return lives(id) ? { id, purpose: purpose === "cleanup" ? "cleanup" : "run" } : undefined;
}

/** The unit of systemd that started the last server of this directory and would start the next one. */
export function unitOf(folder: string): string | undefined {
  const path = join(folder, lockFiles.unit);
  return existsSync(path) ? readFileSync(path, "utf8").trim() : undefined;
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new StartError(`${messageOf(fileErrorOf(error, folder) ?? error)}, or choose another place with --data-dir`);
  }
}

function checkLayout(path: string): void {
  if (!existsSync(path)) {
    // Whole or not at all: an empty one would be taken for another version's by every later start.
    writeSecret(path, `${layoutVersion}\n`, { durable: true });
    return;
  }
  const found = readFileSync(path, "utf8").trim();
  if (found === String(layoutVersion)) return;
  throw new StartError(
    `expected a data directory of layout version "${layoutVersion}", found "${found}" in "${path}"; it was written by another version of kedge: use that version, or another --data-dir`,
  );
}

function inUse(folder: string): StartError {
  const holder = holderOf(folder);
  const by = holder?.purpose === "cleanup" ? "kedge killall or uninstall" : "kedge";
  const who = holder ? `${by} with process id ${holder.id.pid}` : "another kedge that starts";
  return new StartError(
    `expected the data directory "${folder}" to be free, found it in use by ${who}; stop that one, or choose another with --data-dir`,
  );
}

function take(folder: string, purpose: Purpose): Disposable | undefined {
  const holder = join(folder, lockFiles.holder);
  const lock = lockIn(folder);
  if (!lock) return undefined;
  // A kedge of before there was a lock says only here that it runs.
  const known = holderOf(folder);
  if (known && known.id.pid !== process.pid) {
    lock[Symbol.dispose]();
    return undefined;
  }
  try {
    writeSecret(holder, `${process.pid} ${processOf(process.pid)?.startTicks ?? 0} ${purpose}\n`);
  } catch (error) {
    // Who cleans up may do so to make room: the lock holds, and who has it goes without saying.
    if (purpose === "run") {
      lock[Symbol.dispose]();
      throw error;
    }
  }
  return {
    [Symbol.dispose]: () => {
      rmSync(holder, { force: true });
      lock[Symbol.dispose]();
    },
  };
}

function lockIn(folder: string): Disposable | undefined {
  const path = join(folder, lockFiles.lock);
  try {
    return tryLock(path);
  } catch (error) {
    if (error instanceof FileError) throw error;
    throw new StartError(`expected to take the lock "${path}" of the data directory, found ${messageOf(error)}`);
  }
}

/** A service of systemd is a child of the first process, in a control group named after it. */
function recordUnit(path: string): void {
  const unit = parentOf(process.pid) === 1 ? serviceIn(readFileSync("/proc/self/cgroup", "utf8")) : undefined;
  if (unit === undefined) rmSync(path, { force: true });
  else writeSecret(path, `${unit}\n`);
}

/** The service whose control group it is, from /proc/PID/cgroup; undefined when it is none's. */
export function serviceIn(cgroups: string): string | undefined {
  // `0::/system.slice/kedge.service`, or `1:name=systemd:/…` with version 1.
  const path = /^(?:0:|\d+:name=systemd):(.*)$/m.exec(cgroups)?.[1];
  const last = path?.split("/").at(-1) ?? "";
  return last.endsWith(".service") ? last : undefined;
}
