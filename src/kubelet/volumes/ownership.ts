/**
 * A volume's group: fsGroup makes everything in it the group's.
 *
 * @see https://kubernetes.io/docs/tasks/configure-pod-container/security-context/#set-the-security-context-for-a-pod
 */
import type { FileFacts } from "#host/file-facts.ts";
import type { FileChange } from "#host/folder-walk.ts";
import type { SafeFolder } from "#host/safe-folder.ts";

const readWrite = 0o660;
const readOnly = 0o440;
const folderBits = 0o2110;
// Beyond these a volume is refused rather than given to its group in part.
const wholeVolume = { entriesMax: 50_000_000, depthMax: 10_000 };

export interface Ownership {
  readonly gid: number;
  readonly readOnly: boolean;
}

/** Gives the group to all of the folder, and with it the right to read, and to write unless the volume is read-only. */
export async function giveToGroup(folder: SafeFolder, ownership: Ownership): Promise<void> {
  const wanted = (facts: FileFacts): FileChange => groupChange(facts, ownership);
  const outcome = await folder.walk((entry) => entry.change(wanted), wholeVolume);
  if (outcome === "cut") throw new Error(`expected at most ${wholeVolume.entriesMax} files in the volume, found more`);
  // Last, so that a root that is the group's says the same of everything below.
  await folder.change("", wanted);
}

function groupChange({ kind, mode }: FileFacts, { gid, readOnly: ro }: Ownership): FileChange {
  if (kind === "symlink") return { gid };
  return { gid, mode: mode | (ro ? readOnly : readWrite) | (kind === "directory" ? folderBits : 0) };
}

/** Whether the volume's root is the group's already, so that nothing below needs to be looked at. */
export async function rootIsGroups(folder: SafeFolder, { gid, readOnly: ro }: Ownership): Promise<boolean> {
  const facts = await folder.facts("");
  const bits = (ro ? readOnly : readWrite) | folderBits;
  return facts !== undefined && facts.gid === gid && (facts.mode & bits) === bits;
}
