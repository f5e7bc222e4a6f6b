/** Settings of the kernel, named with dots as sysctl(8) does, and the modules that bring some of them. */
import { readFileSync, writeFileSync } from "node:fs";
import type { HostJournal } from "./journal.ts";
import { run } from "./processes.ts";

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
  const before = readSysctl(name);
  if (before === undefined)
    throw new Error(`expected the kernel setting "${name}", found none: use a kernel that has it`);
  if (before === value) return;
  journal.record({ kind: "sysctl", name, before });
  writeSysctl(name, value);
}

export function writeSysctl(name: string, value: string): void {
  try {
    writeFileSync(fileOf(name), value);
  } catch (error) {
    throw new Error(`could not set the kernel setting "${name}" to "${value}"`, { cause: error });
  }
}

/** Loads a module unless `present` says that what it brings is there. @returns Whether it is there now. */
export async function loadModule(name: string, present: () => boolean): Promise<boolean> {
  if (present()) return true;
  // A kernel without modules, or without this one, is told apart by looking again.
  await run("modprobe", [name]).catch(() => "");
  return present();
}
