/** One builder at a time in a checkout: builds share a cache, and a second one then finds everything made. */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

const mark = "KEDGE_BUILD_LOCKED";

/**
 * Runs this very script again with the lock held, and waits for it. The kernel gives the lock back however it ends.
 *
 * @returns False when the lock is held already and the caller goes on; otherwise the exit code is set.
 */
export function runsUnderLock(root: string): boolean {
  if (process.env[mark] === root) return false;
  mkdirSync(join(root, ".kedge"), { recursive: true });
  const again = spawnSync(
    "flock",
    [join(root, ".kedge/lock"), process.execPath, ...process.execArgv, ...process.argv.slice(1)],
    {
      stdio: "inherit",
      env: { ...process.env, [mark]: root },
    },
  );
  if (again.error)
    throw new Error('expected the program "flock" (package util-linux), found none', { cause: again.error });
  process.exitCode = again.status ?? 1;
  return true;
}
