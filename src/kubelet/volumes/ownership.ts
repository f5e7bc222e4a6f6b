/**
 * A volume's group: fsGroup makes everything in it the group's.
 *
 * @see https://kubernetes.io/docs/tasks/configure-pod-container/security-context/#set-the-security-context-for-a-pod
 */
import { join } from "node:path/posix";
import type { Files } from "#host/files.ts";

const readWrite = 0o660;
const readOnly = 0o440;
const folderBits = 0o2110;

export interface Ownership {
  readonly files: Files;
  readonly gid: number;
  readonly readOnly: boolean;
}

/** Gives the group to all below `path`, and with it the right to read, and to write unless the volume is read-only. */
export async function giveToGroup(path: string, ownership: Ownership): Promise<void> {
  const { files, gid } = ownership;
  const facts = await files.linkFacts(path);
  if (!facts) return;
  await files.chown(path, { uid: -1, gid });
  if (facts.kind === "symlink") return;
  const isFolder = facts.kind === "directory";
  const bits = (ownership.readOnly ? readOnly : readWrite) | (isFolder ? folderBits : 0);
  if (isFolder) for (const name of await files.list(path)) await giveToGroup(join(path, name), ownership);
  if ((facts.mode | bits) !== facts.mode || facts.gid !== gid) await files.chmod(path, facts.mode | bits);
}

/** Whether the volume's root is the group's already, so that nothing below needs to be looked at. */
export async function rootIsGroups(path: string, { files, gid, readOnly: ro }: Ownership): Promise<boolean> {
  const facts = await files.facts(path);
  const bits = (ro ? readOnly : readWrite) | folderBits;
  return facts !== undefined && facts.gid === gid && (facts.mode & bits) === bits;
}
