/** Files that hold secrets: written whole or not at all, readable by their owner alone. */
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { writing } from "#host/file-error.ts";

export interface SecretOptions {
  readonly mode?: number;
  /** The mode of folders that are missing. */
  readonly folderMode?: number;
  /** True waits for the disk: for what can never be made again. */
  readonly durable?: boolean;
}

/** Undefined when there is no such file. */
export function readSecret(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw new Error(`read ${path}`, { cause: error });
  }
}

/** @throws FileError in one sentence, such as on a full disk */
export function writeSecret(path: string, text: string, options: SecretOptions = {}): void {
  writing(path, () => writeWhole(path, text, options));
}

function writeWhole(path: string, text: string, options: SecretOptions): void {
  const { mode = 0o600, folderMode = 0o700, durable = false } = options;
  mkdirSync(dirname(path), { recursive: true, mode: folderMode });
  const draft = `${path}.new`;
  const file = openSync(draft, "w", mode);
  try {
    // The mode above is subject to the umask, and ignored for a draft that was left behind.
    fchmodSync(file, mode);
    // Until all is written: a disk that is nearly full takes a part of a write without a complaint.
    writeFileSync(file, text);
    if (durable) fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path);
  if (durable) syncFolder(dirname(path));
}

function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
