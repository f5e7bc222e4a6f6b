/**
 * The data directory: made with tight rights, stamped with the version that wrote it, and held by one server at a time.
 */
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { lives, processOf } from "#host/processes.ts";

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

/** The directory, held until disposed of. @throws StartError */
export function holdDataFolder(folder: string): Disposable {
  makeFolder(folder);
  checkLayout(join(folder, "layout-version"));
  const lock = join(folder, "kedge.lock");
  const holder = readHolder(lock);
  if (holder !== undefined)
    throw new StartError(
      `expected the data directory "${folder}" to be free, found it in use by kedge with process id ${holder}; stop that one, or choose another with --data-dir`,
    );
  rmSync(lock, { force: true });
  takeLock(lock, folder);
  return { [Symbol.dispose]: () => rmSync(lock, { force: true }) };
}

/** The process that holds a data directory now; undefined when none does. */
export function holderOf(folder: string): number | undefined {
  return readHolder(join(folder, "kedge.lock"));
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    throw new StartError(
      `expected to be able to write the data directory "${folder}", found ${code}; choose another with --data-dir, or run as root`,
    );
  }
}

function checkLayout(path: string): void {
  if (!existsSync(path)) {
    writeFileSync(path, `${layoutVersion}\n`, { mode: 0o600 });
    return;
  }
  const found = readFileSync(path, "utf8").trim();
  if (found === String(layoutVersion)) return;
  throw new StartError(
    `expected a data directory of layout version "${layoutVersion}", found "${found}" in "${path}"; it was written by another version of kedge: use that version, or another --data-dir`,
  );
}

// The start time tells a process from a later one with the same id.
function readHolder(lock: string): number | undefined {
  if (!existsSync(lock)) return undefined;
  const [pid = "", startTicks = ""] = readFileSync(lock, "utf8").trim().split(" ");
  const id = { pid: Number(pid), startTicks: Number(startTicks) };
  return lives(id) ? id.pid : undefined;
}

function takeLock(lock: string, folder: string): void {
  try {
    // Fails when another kedge took it a moment ago.
    const file = openSync(lock, "wx", 0o600);
    const self = processOf(process.pid);
    writeSync(file, `${process.pid} ${self?.startTicks ?? 0}\n`);
    closeSync(file);
  } catch (error) {
    throw new StartError(
      `expected to take the lock of the data directory "${folder}", found ${error instanceof Error ? error.message : "another kedge starting"}`,
    );
  }
}
