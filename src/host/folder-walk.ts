/** Looking at everything below a folder, through no link and into no mount, within a budget. */
import type { Dir } from "node:fs";
import { chmod, chown, lstat, opendir } from "node:fs/promises";
import { Descent } from "./descent.ts";
import { Descriptor, orMissing } from "./descriptors.ts";
import { factsFrom, type FileFacts } from "./file-facts.ts";

export interface WalkBudget {
  readonly entriesMax: number;
  readonly depthMax: number;
  /** Awaited now and then, so that a large walk leaves the processor to others. */
  readonly pause?: () => Promise<void>;
}

/** What is to become of a file; what is absent stays. */
export interface FileChange {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

export interface WalkedEntry {
  readonly name: string;
  /** 1 for what is in the folder itself. */
  readonly depth: number;
  /** Of a link itself. */
  readonly facts: FileFacts;
  /** Changes the very file that `wanted` is given the facts of. */
  readonly change: (wanted: (facts: FileFacts) => FileChange) => Promise<void>;
}

export type Visit = (entry: WalkedEntry) => Promise<void> | void;

// After so many entries the walk pauses.
export const entriesBetweenPauses = 256;
// So many folders are gone through at once; of those further up, the names that are left are remembered instead.
const openMax = 32;
const rememberedMax = 4_096;

interface Walk {
  readonly descent: Descent;
  readonly visit: Visit;
  readonly budget: WalkBudget;
  entries: number;
  cut: boolean;
}

/** @returns "cut" when the budget did not reach for everything. */
export async function walkBelow(folder: Descriptor, visit: Visit, budget: WalkBudget): Promise<"all" | "cut"> {
  using descent = await Descent.into(folder);
  const walk: Walk = { descent, visit, budget, entries: 0, cut: false };
  const levels = [await Names.of(descent.here)];
  try {
    for (let names = levels.at(-1); names; names = levels.at(-1)) {
      const name = await names.next();
      if (name === undefined) {
        await levels.pop()?.close();
        if (levels.length > 0) await descent.leave();
      } else if (walk.entries >= budget.entriesMax) return "cut";
      else if (await lookAt(walk, name)) {
        levels.push(await Names.of(descent.here));
        if ((await levels.at(-1 - openMax)?.remember()) === "cut") walk.cut = true;
      }
    }
  } finally {
    for (const names of levels) await names.close();
  }
  return walk.cut ? "cut" : "all";
}

/** @returns True when it went into a folder. */
async function lookAt(walk: Walk, name: string): Promise<boolean> {
  const { descent, visit, budget } = walk;
  walk.entries += 1;
  if (walk.entries % entriesBetweenPauses === 0) await budget.pause?.();
  const { here } = descent;
  const stats = await orMissing(lstat(here.at(name)));
  if (!stats) return false;
  const facts = factsFrom(stats);
  await visit({ name, depth: descent.depth + 1, facts, change: (wanted) => changeName(here, name, wanted) });
  if (facts.kind !== "directory") return false;
  if (descent.depth + 1 >= budget.depthMax) {
    walk.cut = true;
    return false;
  }
  return (await descent.enter(name)) === "entered";
}

/** The names in a folder, a few at a time, however many there are. */
class Names {
  private folder: Dir | undefined;
  private remembered: string[] = [];

  private constructor(folder: Dir) {
    this.folder = folder;
  }

  static async of(folder: Descriptor): Promise<Names> {
    return new Names(await opendir(folder.self, { bufferSize: entriesBetweenPauses }));
  }

  async next(): Promise<string | undefined> {
    return this.folder ? (await this.folder.read())?.name : this.remembered.pop();
  }

  /** Closes the folder and keeps the names that are left. @returns "cut" when they are too many. */
  async remember(): Promise<"all" | "cut"> {
    if (!this.folder) return "all";
    const names: string[] = [];
    for (let name = await this.next(); name !== undefined; name = await this.next()) {
      if (names.length === rememberedMax) break;
      names.push(name);
    }
    const cut = names.length === rememberedMax;
    await this.close();
    this.remembered = names;
    return cut ? "cut" : "all";
  }

  async close(): Promise<void> {
    const { folder } = this;
    this.folder = undefined;
    await folder?.close();
  }
}

/** Changes owner and mode of what has that name, of a link itself. Nothing happens when it is gone. */
export async function changeName(
  folder: Descriptor,
  name: string,
  wanted: (facts: FileFacts) => FileChange,
): Promise<void> {
  const place = await orMissing(Descriptor.ofPlace(folder.at(name)));
  if (!place) return;
  using held = place;
  await changeHeld(held, wanted);
}

export async function changeHeld(held: Descriptor, wanted: (facts: FileFacts) => FileChange): Promise<void> {
  const facts = factsFrom(await held.stats());
  const { mode, uid = -1, gid = -1 } = wanted(facts);
  // The path leads to the file of the descriptor, whatever has its name by now. The owner goes first: a change of it
  // takes setuid and setgid away.
  if (uid !== -1 || gid !== -1) await chown(held.self, uid, gid);
  if (mode !== undefined && facts.kind !== "symlink") await chmod(held.self, mode);
}
