/** Files that hold secrets: written whole or not at all, readable by their owner alone. */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

export interface SecretOptions {
  readonly mode?: number;
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

export function writeSecret(path: string, text: string, { mode = 0o600, durable = false }: SecretOptions = {}): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.new`;
  const file = openSync(draft, "w", mode);
  try {
    writeSync(file, text);
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
