/**
 * What kedge changes on this machine, written down before it is done, so that uninstalling undoes exactly that and
 * nothing else. One line of JSON a change; a change is written once however often it is made.
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { messageOf, unreachable } from "#base/assert.ts";
import { Cgroups, detectCgroups } from "./cgroups.ts";
import { writing } from "./file-error.ts";
import { Links } from "./links.ts";
import { unmountBelow } from "./mounts.ts";
import { Nftables, type NftFamily } from "./nftables.ts";
import { removeIfEmpty, removeTree } from "./removal.ts";
import type { RuntimeBundle } from "./runtime-bundle.ts";
import { releaseSysctl } from "./sysctl.ts";

export type HostChange =
  | { readonly kind: "link"; readonly name: string }
  /** In ip's words, with its range written out, such as `10.42.1.0/24 via 192.0.2.1`. */
  | { readonly kind: "route"; readonly family: "inet" | "inet6"; readonly route: string }
  | { readonly kind: "nft-table"; readonly family: NftFamily; readonly name: string }
  /** Everything mounted at and below the path. */
  | { readonly kind: "mounts"; readonly path: string }
  /** The group with everything below it. */
  | { readonly kind: "cgroup"; readonly path: string }
  /** `ours`: with all that is in it; `shared`: only when nothing is in it any more. */
  | { readonly kind: "folder"; readonly path: string; readonly content: "ours" | "shared" }
  /** `before`: what was in the file; absent when there was none. */
  | { readonly kind: "file"; readonly path: string; readonly before?: string }
  | { readonly kind: "sysctl"; readonly name: string; readonly before: string };

/** Where the journal of a data directory lies. */
export function journalPath(dataFolder: string): string {
  return join(dataFolder, "agent/host-journal.jsonl");
}

export class HostJournal {
  readonly path: string;
  private readonly known: Set<string>;

  constructor(path: string) {
    this.path = path;
    this.known = new Set(readJournal(path).map(keyOf));
  }

  /**
   * Must return before the change is made. What was before a change is kept from the first time.
   *
   * @throws FileError when it cannot be written down: the change is not to be made then
   */
  record(change: HostChange): void {
    const key = keyOf(change);
    if (this.known.has(key)) return;
    writing(this.path, () => this.append(change));
    this.known.add(key);
  }

  private append(change: HostChange): void {
    mkdirSync(dirname(this.path), { recursive: true });
    const file = openSync(this.path, "a", 0o600);
    try {
      // A line that a crash or a full disk cut short must not swallow this one. Written until all of it is there.
      writeFileSync(file, `\n${JSON.stringify(change)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }
}

/** A change's identity: what it is made to, not what was there before. */
function keyOf(change: HostChange): string {
  const { before: _, ...made } = { before: "", ...change };
  return JSON.stringify(made);
}

/** The changes in the order they were made. */
function readJournal(path: string): readonly HostChange[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .flatMap((line) => {
      try {
        // Only `record` writes here.
        return line === "" ? [] : [JSON.parse(line) as HostChange];
      } catch {
        // Cut short by a crash, thus before its change was made.
        return [];
      }
    });
}

/**
 * Undoes what the journal holds, the latest first, and removes the journal when nothing is left. May be called again.
 * Containers must have been stopped.
 *
 * @returns One sentence for each change that could not be undone.
 */
export async function undo(path: string, bundle: RuntimeBundle): Promise<readonly string[]> {
  const leftovers: string[] = [];
  for (const change of readJournal(path).toReversed()) {
    try {
      await undoChange(change, path, bundle);
    } catch (error) {
      leftovers.push(`${describe(change)} could not be undone: ${messageOf(error)}`);
    }
  }
  if (leftovers.length === 0) rmSync(path, { force: true });
  return leftovers;
}

async function undoChange(change: HostChange, path: string, bundle: RuntimeBundle): Promise<void> {
  switch (change.kind) {
    case "link":
      return new Links(bundle.ip).remove(change.name);
    case "route":
      return removeRoute(change.family, change.route, new Links(bundle.ip));
    case "nft-table":
      return new Nftables(bundle.nft).removeTable(change);
    case "mounts":
      await unmountBelow(change.path);
      return;
    case "cgroup":
      return new Cgroups(detectCgroups()).remove(change.path);
    case "folder":
      if (change.content === "ours") await removeTree(change.path);
      else removeIfEmpty(change.path);
      return;
    case "file":
      if (change.before === undefined) rmSync(change.path, { force: true });
      else writeFileSync(change.path, change.before);
      return;
    case "sysctl":
      return releaseSysctl(change.name, change.before, path);
    default:
      return unreachable(change);
  }
}

async function removeRoute(family: "inet" | "inet6", route: string, links: Links): Promise<void> {
  const [destination = ""] = route.split(" ");
  if ((await links.routes(family)).some(({ dst }) => dst === destination)) await links.apply([`route delete ${route}`]);
}

function describe(change: HostChange): string {
  return `${change.kind} "${"path" in change ? change.path : "name" in change ? change.name : change.route}"`;
}
