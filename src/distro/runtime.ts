/** Sees to the runtime bundle: found where it was built, or built now from Debian's packages. */
import { join } from "node:path";
import { messageOf } from "#base/assert.ts";
import { run } from "#host/processes.ts";
import { locateBundle, type RuntimeBundle } from "#host/runtime-bundle.ts";
import { StartError } from "./data-folder.ts";
import { installRoot } from "./places.ts";

/** @throws StartError that says why there is none. */
export async function ensureBundle(signal: AbortSignal): Promise<RuntimeBundle> {
  const found = locateBundle(installRoot);
  if (found) return found;
  try {
    await run(process.execPath, [join(installRoot, "tools/runtime/build.ts")], { signal });
  } catch (error) {
    throw new StartError(`expected to build the container runtime from Debian's packages, found: ${messageOf(error)}`);
  }
  const built = locateBundle(installRoot);
  if (!built)
    throw new StartError(
      "expected the container runtime after building it, found none; run tools/runtime/build.ts by hand",
    );
  return built;
}
