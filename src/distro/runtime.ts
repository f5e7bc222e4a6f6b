/** Sees to the runtime bundle: found where it was built, or built now from Debian's packages. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { locateBundle, type RuntimeBundle } from "#host/runtime-bundle.ts";
import { StartError } from "./data-folder.ts";
import { installRoot } from "./places.ts";

/** The builder tells its stages on the terminal. @throws StartError when there is none afterwards */
export async function ensureBundle(signal: AbortSignal): Promise<RuntimeBundle> {
  const found = locateBundle(installRoot);
  if (found) return found;
  const builder = join(installRoot, "tools/runtime/build.ts");
  const child = spawn(process.execPath, [builder], { signal, stdio: ["ignore", "ignore", "inherit"] });
  await once(child, "close");
  const built = locateBundle(installRoot);
  if (built) return built;
  throw new StartError(
    "expected to build the container runtime from Debian's packages, found that it failed; the lines above say why (--disable-agent runs a control plane without it)",
  );
}
