/** `kedge killall` and `kedge uninstall`: end what a data directory runs, and undo what it changed on the machine. */
import { existsSync, readdirSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { messageOf } from "#base/assert.ts";
import { machineClock as clock } from "#base/clock.ts";
import { journalPath, undo } from "#host/journal.ts";
import { stopContainers } from "#host/killall.ts";
import { locateBundle } from "#host/runtime-bundle.ts";
import { seize } from "./cleanup/seize.ts";
import { removeDataFolder, removeKubeconfigs } from "./cleanup/remove.ts";
import { settings } from "./config/settings.ts";
import { holderOf, lockFiles } from "./data-folder.ts";
import { installRoot } from "./places.ts";

const never = new AbortController().signal;

interface Options {
  readonly dataDir: string;
  readonly kubeconfig: string;
  readonly yes: boolean;
}

const help: Readonly<Record<"killall" | "uninstall", string>> = {
  killall: `Ends the server of a data directory and all its containers. Data stays, and the next start brings the pods back.

Usage: kedge killall [--data-dir DIR]
`,
  uninstall: `Ends everything of a data directory, undoes every change to this machine, and deletes the data.

Usage: kedge uninstall [--data-dir DIR] [--write-kubeconfig FILE] --yes
`,
};

/** True when help was asked for, and given. */
function helped(command: keyof typeof help, args: readonly string[]): boolean {
  const asked = args.includes("--help") || args.includes("-h");
  if (asked) process.stdout.write(help[command]);
  return asked;
}

export async function killall(args: readonly string[]): Promise<number> {
  if (helped("killall", args)) return 0;
  const options = read("killall", args);
  if (!options) return 2;
  const { dataDir } = options;
  return attempt(async () => {
    if (!existsSync(dataDir)) return [];
    using _seized = await seize(dataDir, clock);
    return endEverything(dataDir);
  });
}

export async function uninstall(args: readonly string[]): Promise<number> {
  if (helped("uninstall", args)) return 0;
  const options = read("uninstall", args);
  if (!options) return 2;
  const { dataDir, kubeconfig, yes } = options;
  if (!yes) {
    process.stderr.write(
      `kedge: expected --yes, because "${dataDir}" with all its data would be deleted, found none; nothing was changed\n`,
    );
    return 2;
  }
  return attempt(() => uninstallFrom(dataDir, kubeconfig));
}

/** Can be repeated however it was cut off. @returns What is left, in sentences */
async function uninstallFrom(dataDir: string, kubeconfig: string): Promise<readonly string[]> {
  if (!existsSync(dataDir)) return [];
  {
    using _seized = await seize(dataDir, clock);
    const leftovers = await endEverything(dataDir);
    if (leftovers.length > 0) return leftovers;
    removeKubeconfigs(dataDir, kubeconfig);
    await removeDataFolder(dataDir);
  }
  const again = existsSync(dataDir) ? holderOf(dataDir) : undefined;
  return again
    ? [
        `expected nothing to start kedge in "${dataDir}" again, found process ${again.id.pid} started anew; stop what starts it, then uninstall again`,
      ]
    : [];
}

async function attempt(work: () => Promise<readonly string[]>): Promise<number> {
  try {
    const leftovers = await work();
    for (const sentence of leftovers) process.stderr.write(`kedge: ${sentence}\n`);
    return leftovers.length === 0 ? 0 : 1;
  } catch (error) {
    process.stderr.write(`kedge: ${messageOf(error)}\n`);
    return 1;
  }
}

function read(command: string, args: readonly string[]): Options | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        "data-dir": { type: "string", short: "d" },
        "write-kubeconfig": { type: "string", short: "o" },
        yes: { type: "boolean" },
      },
    });
    const dataDir = resolve(values["data-dir"] ?? settings.dataDir.default);
    const kubeconfig = values["write-kubeconfig"] ?? settings.writeKubeconfig.default;
    if (dataDir === "/" || !isAbsolute(dataDir))
      throw new Error(`expected a data directory of kedge, found "${dataDir}"`);
    if (existsSync(dataDir) && !isDataFolder(dataDir))
      throw new Error(
        `expected a data directory of kedge, found "${dataDir}" without the file layout-version; nothing was changed`,
      );
    return { dataDir, kubeconfig, yes: values.yes === true };
  } catch (error) {
    process.stderr.write(
      `kedge: ${messageOf(error)}; usage: kedge ${command} [--data-dir DIR]${command === "uninstall" ? " --yes" : ""}\n`,
    );
    return undefined;
  }
}

/** Also what an uninstall that was cut off at its very end left. */
function isDataFolder(path: string): boolean {
  if (existsSync(join(path, "layout-version"))) return true;
  const own = new Set<string>(Object.values(lockFiles));
  const names = readdirSync(path);
  return names.includes(lockFiles.lock) && names.every((name) => own.has(name));
}

/** Ends the containers and undoes what was changed on the machine. @returns What could not be undone */
async function endEverything(dataDir: string): Promise<readonly string[]> {
  const bundle = locateBundle(installRoot);
  await stopContainers(dataDir, { clock, signal: never, ...(bundle ? { bundle } : {}) });
  if (!bundle)
    return existsSync(journalPath(dataDir))
      ? ["expected the runtime bundle to undo what was changed on this machine, found none"]
      : [];
  return undo(journalPath(dataDir), bundle);
}
