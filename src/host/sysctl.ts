/**
 * Settings of the kernel, named with dots as sysctl(8) does, and the modules that bring some of them. The machine has one
 * of each, and several kedges may need it: each says so in a folder that vanishes with the settings when the machine
 * restarts, and the last one that goes puts back what was there before the first.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { removeIfEmpty } from "./removal.ts";
import type { HostJournal } from "./journal.ts";
import { run } from "./processes.ts";

const sharedRoot = "/run/kedge/kernel";

function fileOf(name: string): string {
  // A dot inside a name, as of a link, is written as a slash.
  return `/proc/sys/${name.replaceAll(/[./]/g, (sign) => (sign === "." ? "/" : "."))}`;
}

/** Undefined when this kernel has no such setting. */
export function readSysctl(name: string): string | undefined {
  try {
    return readFileSync(fileOf(name), "utf8").trim();
  } catch {
    return undefined; // No such setting.
  }
}

/** Changes a setting, and notes in the journal what it was. @throws Error when the kernel has no such setting. */
export function setSysctl(name: string, value: string, journal: HostJournal): void {
  const current = readSysctl(name);
  if (current === undefined)
    throw new Error(`expected the kernel setting "${name}", found none: use a kernel that has it`);
  const folder = sharedFolder(name);
  // Nobody of kedge's has changed it, and it is as it should be.
  if (current === value && !existsSync(join(folder, beforeFile))) return;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const before = firstValue(join(folder, beforeFile), current);
  journal.record({ kind: "sysctl", name, before });
  writeFileSync(join(folder, userOf(journal.path)), journal.path, { mode: 0o600 });
  if (current !== value) writeSysctl(name, value);
}

/** Gives a setting up: it becomes what it was, unless another kedge on this machine needs it. */
export function releaseSysctl(name: string, before: string, journalPath: string): void {
  // A setting of a link goes with the link.
  if (readSysctl(name) === undefined) return;
  const folder = sharedFolder(name);
  rmSync(join(folder, userOf(journalPath)), { force: true });
  if (othersUse(folder)) return;
  const first = join(folder, beforeFile);
  writeSysctl(name, existsSync(first) ? readFileSync(first, "utf8") : before);
  rmSync(folder, { recursive: true, force: true });
  // In reverse order of being made; another setting may still need them.
  for (const path of [sharedRoot, dirname(sharedRoot)]) removeIfEmpty(path);
}

export function writeSysctl(name: string, value: string): void {
  try {
    writeFileSync(fileOf(name), value);
  } catch (error) {
    throw new Error(`could not set the kernel setting "${name}" to "${value}"`, { cause: error });
  }
}

const beforeFile = "before";

function sharedFolder(name: string): string {
  return join(sharedRoot, name.replaceAll("/", "_"));
}

function userOf(journalPath: string): string {
  return `user-${createHash("sha256").update(journalPath).digest("hex").slice(0, 16)}`;
}

/** What the setting was before the first kedge. */
function firstValue(path: string, current: string): string {
  try {
    // Only the first one writes it.
    writeFileSync(path, current, { mode: 0o600, flag: "wx" });
    return current;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    return readFileSync(path, "utf8");
  }
}

/** A user whose journal is gone was removed by hand, and counts no more. */
function othersUse(folder: string): boolean {
  if (!existsSync(folder)) return false;
  return readdirSync(folder).some(
    (name) => name.startsWith("user-") && existsSync(readFileSync(join(folder, name), "utf8")),
  );
}

const moduleMs = 30_000;

/** Loads a module unless `present` says that what it brings is there. @returns Whether it is there now. */
export async function loadModule(name: string, present: () => boolean): Promise<boolean> {
  if (present()) return true;
  // A kernel without modules, or without this one, is told apart by looking again.
  await run("modprobe", [name], { timeoutMs: moduleMs }).catch(() => "");
  return present();
}
