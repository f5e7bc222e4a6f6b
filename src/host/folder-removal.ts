/**
 * Removing what strangers made: never through a link, never into a mount, with a bounded number of descriptors however
 * deep it is, and a few names at a time however many there are.
 */
import { opendir, rmdir, unlink } from "node:fs/promises";
import { Descent } from "./descent.ts";
import { codeOf, Descriptor, orMissing } from "./descriptors.ts";
import { run } from "./processes.ts";
import { UnsafePathError } from "./unsafe-path-error.ts";

/** What happens to mounts below: they are undone first, or nothing that is mounted is touched. */
export type MountPolicy = "unmount" | "refuse";

const namesAtOnce = 256;
const unmountsMax = 1_000;
// Who goes on writing into a folder that is being removed wins after that many rounds.
const roundsMax = 1_000;
const unmountMs = 10_000;

interface Removal {
  readonly descent: Descent;
  readonly mounts: MountPolicy;
  /** For messages. */
  readonly shown: string;
  unmounts: number;
  rounds: number;
}

/** Names that are to go, of one folder. */
interface Batch {
  readonly names: string[];
  /** Whether the folder may have had more. */
  readonly full: boolean;
}

type How = Pick<Removal, "mounts" | "shown">;

/** Removes what has that name in the folder, if anything. */
export async function removeName(folder: Descriptor, name: string, how: How): Promise<void> {
  using descent = await Descent.into(folder);
  await removeBatch({ ...how, descent, unmounts: 0, rounds: 0 }, { names: [name], full: false });
}

/** Removes everything in the folder. */
export async function removeContents(folder: Descriptor, how: How): Promise<void> {
  using descent = await Descent.into(folder);
  const removal = { ...how, descent, unmounts: 0, rounds: 0 };
  let last: Batch = { names: [], full: true };
  for (;;) {
    const batch = await nextBatch(descent.here);
    if (batch.names.length === 0) return;
    if (!last.full) countRound(removal);
    last = batch;
    await removeBatch(removal, { ...batch, names: [...batch.names] });
  }
}

async function removeBatch(removal: Removal, first: Batch): Promise<void> {
  const { descent } = removal;
  const levels: Batch[] = [first];
  for (let batch = levels.at(-1); batch; batch = levels.at(-1)) {
    const name = batch.names.pop();
    if (name !== undefined) {
      if (await goneOrEntered(removal, name)) levels.push(await nextBatch(descent.here));
      continue;
    }
    levels.pop();
    if (descent.depth === 0) return;
    const rest = await nextBatch(descent.here);
    if (rest.names.length === 0) {
      await leaveRemoved(removal, levels.at(-1));
      continue;
    }
    // Without more than one batch, whatever is there now was written since.
    if (!batch.full) countRound(removal);
    levels.push(rest);
  }
}

/** Goes up and removes the folder that it was in. */
async function leaveRemoved(removal: Removal, above: Batch | undefined): Promise<void> {
  const { descent } = removal;
  const { name } = descent;
  await descent.leave();
  try {
    await rmdir(descent.here.at(name));
  } catch (error) {
    const code = codeOf(error) ?? "";
    if (!["ENOENT", "ENOTEMPTY", "ENOTDIR", "EBUSY"].includes(code)) throw error;
    if (code === "ENOENT") return;
    // Something was written there, mounted on it, or put in its place: it is looked at again.
    countRound(removal);
    above?.names.push(name);
  }
}

function countRound(removal: Removal): void {
  removal.rounds += 1;
  if (removal.rounds > roundsMax)
    throw new Error(
      `expected nobody to write below "${removal.shown}" while it is removed, found new names again and again`,
    );
}

/** @returns True when it went into a folder, which has to be emptied. */
async function goneOrEntered(removal: Removal, name: string): Promise<boolean> {
  const { descent } = removal;
  for (;;) {
    try {
      await unlink(descent.here.at(name));
      return false;
    } catch (error) {
      const code = codeOf(error);
      if (code === "ENOENT") return false;
      if (code === "EBUSY") {
        await undoMount(removal, name);
        continue;
      }
      if (code !== "EISDIR" && code !== "EPERM") throw error;
      const entered = await descent.enter(name);
      if (entered === "entered") return true;
      if (entered === "mount") await undoMount(removal, name);
      // A file that may not be removed, such as one that is immutable; what became a file meanwhile is tried again.
      else if (code === "EPERM") throw error;
    }
  }
}

async function undoMount(removal: Removal, name: string): Promise<void> {
  const { descent, mounts, shown } = removal;
  const at = [shown, descent.path, name].filter((part) => part !== "").join("/");
  if (mounts === "refuse")
    throw new UnsafePathError(
      `expected nothing mounted below "${shown}", found a mount at "${at}"; nothing in it was touched`,
    );
  removal.unmounts += 1;
  if (removal.unmounts > unmountsMax)
    throw new UnsafePathError(`expected at most ${unmountsMax} mounts below "${shown}", found more`);
  using place = await orMissing(Descriptor.ofPlace(descent.here.at(name)));
  // Gone again, or never one: whoever asked looks anew.
  if (!place || (await descent.isOnSameMount(place))) return;
  // What is mounted in it may be mounted elsewhere too: it goes here alone.
  await run("mount", ["-n", "-c", "--make-rprivate", place.shown], { timeoutMs: unmountMs });
  await run("umount", ["-n", "-l", "-c", "-i", place.shown], { timeoutMs: unmountMs });
}

async function nextBatch(folder: Descriptor): Promise<Batch> {
  const names: string[] = [];
  const entries = await opendir(folder.self, { bufferSize: namesAtOnce });
  try {
    for (let entry = await entries.read(); entry && names.length < namesAtOnce; entry = await entries.read())
      names.push(entry.name);
  } finally {
    await entries.close();
  }
  return { names, full: names.length === namesAtOnce };
}
