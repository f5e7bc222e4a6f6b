/** `kedge check`: says whether the datastore of a data directory is sound, and makes a sound one of what can be read. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { messageOf } from "#base/assert.ts";
import { textOf } from "#base/bytes.ts";
import { checkSqliteStore, type CheckOutcome, repairSqliteStore } from "#storage/sqlite-check.ts";
import { settings } from "./config/settings.ts";
import { holderOf, seizeDataFolder } from "./data-folder.ts";

const usage = "kedge check [--repair] [--data-dir DIR]";

const help = `Looks at everything in the datastore of a data directory while no server runs on it.

Usage: ${usage}

  --repair   make a new datastore of what is sound; the old files stay, in server/db/damaged-1 or the next free number

Ends with 0 when all is sound or was repaired, 1 when something is wrong, 2 when it was called wrongly.
`;

type Say = (text: string) => void;

/** Where answers go, and refusals. */
export interface Voice {
  readonly say: Say;
  readonly complain: Say;
}

export async function check(args: readonly string[]): Promise<number> {
  return runCheck(args, {
    say: (text) => void process.stdout.write(text),
    complain: (text) => void process.stderr.write(text),
  });
}

/** @returns The exit code. */
export function runCheck(args: readonly string[], { say, complain }: Voice): number {
  try {
    const options = read(args);
    if (options) return checkFolder(options, say);
    say(help);
    return 0;
  } catch (error) {
    complain(`kedge: ${messageOf(error)}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

class UsageError extends Error {
  override readonly name = "UsageError";
}

interface Options {
  readonly dataDir: string;
  readonly repair: boolean;
}

/** Undefined when help was asked for. */
function read(args: readonly string[]): Options | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        "data-dir": { type: "string", short: "d" },
        repair: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
    if (values.help === true) return undefined;
    return { dataDir: resolve(values["data-dir"] ?? settings.dataDir.default), repair: values.repair === true };
  } catch (error) {
    throw new UsageError(`expected "${usage}"`, { cause: error });
  }
}

function checkFolder({ dataDir, repair }: Options, say: Say): number {
  if (!existsSync(dataDir)) throw new Error(`expected a data directory of kedge, found no "${dataDir}"`);
  using held = seizeDataFolder(dataDir);
  if (!held) {
    const holder = holderOf(dataDir);
    const by = holder ? `process ${holder.id.pid}` : "another process";
    throw new Error(`expected nobody to use the data directory "${dataDir}", found ${by}: stop the server first`);
  }
  if (!repair) {
    const outcome = checkSqliteStore({ dataDir, faultOf });
    say(report(outcome));
    return outcome.findings.length === 0 ? 0 : 1;
  }
  const outcome = repairSqliteStore({ dataDir, faultOf });
  say(report(outcome));
  if (outcome.kept !== undefined) say(`a sound datastore is in its place, and the old files are in ${outcome.kept}\n`);
  return 0;
}

function report({ findings, keys, rows }: CheckOutcome): string {
  const found = findings.length === 0 ? "sound" : `${findings.length} ${findings.length === 1 ? "fault" : "faults"}`;
  return [`${found}: ${keys} keys, ${rows} rows`, ...findings.map((finding) => `  ${finding}`), ""].join("\n");
}

/** An object is JSON that names itself as its key does. */
function faultOf(key: string, value: Uint8Array): string | undefined {
  if (!key.startsWith("/registry/")) return undefined;
  try {
    const { metadata }: { readonly metadata?: { readonly name?: unknown } } = JSON.parse(textOf(value));
    const name = key.slice(key.lastIndexOf("/") + 1);
    if (metadata?.name === name) return undefined;
    return `expected the name ${JSON.stringify(name)} in it, found ${JSON.stringify(metadata?.name) ?? "none"}`;
  } catch (error) {
    return messageOf(error);
  }
}
