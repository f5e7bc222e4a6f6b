/**
 * hostPath volumes: what has to be at the path.
 *
 * @see https://kubernetes.io/docs/concepts/storage/volumes/#hostpath
 */
import type { FileKind } from "#host/file-facts.ts";
import type { Files } from "#host/files.ts";
import type { HostPathVolumeSource } from "#resources/core/volume-sources.ts";

const kindOfType: Readonly<Record<string, { readonly kind: FileKind; readonly noun: string }>> = {
  Directory: { kind: "directory", noun: "a directory" },
  DirectoryOrCreate: { kind: "directory", noun: "a directory" },
  File: { kind: "file", noun: "a file" },
  FileOrCreate: { kind: "file", noun: "a file" },
  Socket: { kind: "socket", noun: "a socket file" },
  CharDevice: { kind: "charDevice", noun: "a character device" },
  BlockDevice: { kind: "blockDevice", noun: "a block device" },
};

/** Makes what may be made. @throws Error with one sentence when something else is there. */
export async function checkHostPath(files: Files, { path, type = "" }: HostPathVolumeSource): Promise<void> {
  const expected = kindOfType[type];
  if (!expected) return;
  let facts = await files.facts(path);
  if (!facts && type === "DirectoryOrCreate") await files.makeFolder(path, 0o755);
  if (!facts && type === "FileOrCreate") await files.touch(path, 0o644);
  facts ??= await files.facts(path);
  if (facts?.kind !== expected.kind) throw new Error(`hostPath type check failed: ${path} is not ${expected.noun}`);
}
