/** Replacing what has a name atomically. */
import { rename, unlink } from "node:fs/promises";

/**
 * Makes something as `draft`, a name that nobody else uses, and gives it the name `path` in the same folder. When that
 * fails nothing of the draft stays: who tries again and again, as on a full disk, leaves no heap of them.
 */
export async function putInPlace(draft: string, path: string, make: () => Promise<void>): Promise<void> {
  try {
    await make();
    await rename(draft, path);
  } catch (error) {
    // The failure is what counts; a draft that was never begun cannot be removed either.
    await unlink(draft).catch(() => undefined);
    throw error;
  }
}
