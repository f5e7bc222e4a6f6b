/** Looking at everything below a folder, through no link and into no mount, within a budget. */
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
const entriesBetweenPauses = 256;

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
  const levels = [await lookAtNames(walk)];
  for (let folders = levels.at(-1); folders; folders = levels.at(-1)) {
    const name = folders.pop();
    if (name === undefined) {
      levels.pop();
      if (levels.length > 0) await descent.leave();
    } else if (descent.depth + 1 >= budget.depthMax) walk.cut = true;
    else if ((await descent.enter(name)) === "entered") levels.push(await lookAtNames(walk));
  }
  return walk.cut ? "cut" : "all";
}

/** Visits everything in the folder at hand. @returns The folders in it. */
async function lookAtNames(walk: Walk): Promise<string[]> {
  const { descent, visit, budget } = walk;
  const folders: string[] = [];
  const entries = await opendir(descent.here.self, { bufferSize: entriesBetweenPauses });
  try {
    for (let entry = await entries.read(); entry; entry = await entries.read()) {
      if (walk.entries >= budget.entriesMax) {
        walk.cut = true;
        return [];
      }
      walk.entries += 1;
      if (walk.entries % entriesBetweenPauses === 0) await budget.pause?.();
      const { name } = entry;
      const stats = await orMissing(lstat(descent.here.at(name)));
      if (!stats) continue;
      const facts = factsFrom(stats);
      await visit({
        name,
        depth: descent.depth + 1,
        facts,
        change: (wanted) => changeName(descent.here, name, wanted),
      });
      if (facts.kind === "directory") folders.push(name);
    }
  } finally {
    await entries.close();
  }
  return folders;
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
