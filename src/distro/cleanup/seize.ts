/**
 * Takes a data directory from the kedge that runs in it, and from whatever would start it again: its unit is stopped, its
 * process is ended, and the lock is held from then on, so that a start meanwhile is refused.
 */
import { existsSync } from "node:fs";
import { messageOf } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";
import { run, signalProcess } from "#host/processes.ts";
import { holderOf, seizeDataFolder, StartError, unitOf } from "../data-folder.ts";

// A server ends within five seconds of being told.
const politeMs = 6_000;
const seizeMsMax = 30_000;
const unitMsMax = 20_000;
const pollMs = 20;
const never = new AbortController().signal;

/** @throws StartError when somebody else cleans up, or the directory does not become free */
export async function seize(dataDir: string, clock: Clock): Promise<Disposable> {
  await stopUnit(dataDir);
  const startMs = clock.monotonicMs();
  // Each is told once, and killed when it does not listen.
  const told = new Set<number>();
  for (;;) {
    const seized = seizeDataFolder(dataDir);
    if (seized) return seized;
    const holder = holderOf(dataDir);
    if (holder?.purpose === "cleanup")
      throw new StartError(
        `expected nobody else to clean up "${dataDir}", found kedge with process id ${holder.id.pid} at it; wait for that one`,
      );
    const passedMs = clock.monotonicMs() - startMs;
    if (holder && !told.has(holder.id.pid)) signalProcess(holder.id, "SIGTERM");
    if (holder && passedMs > politeMs) signalProcess(holder.id, "SIGKILL");
    if (holder) told.add(holder.id.pid);
    if (passedMs > seizeMsMax)
      throw new StartError(
        `expected the data directory "${dataDir}" to become free within ${seizeMsMax / 1000} s, found it in use by ${holder ? `process ${holder.id.pid}` : "a process that does not say who it is"}`,
      );
    await clock.sleep(pollMs, never);
  }
}

/**
 * A unit with Restart=always would start the server as soon as the directory is free again. systemd is told and not
 * waited for: it would give a server that hangs a minute and a half, and here such a one is killed.
 */
async function stopUnit(dataDir: string): Promise<void> {
  const unit = unitOf(dataDir);
  if (unit === undefined || !existsSync("/run/systemd/system")) return;
  try {
    await run("systemctl", ["stop", "--no-block", unit], { timeoutMs: unitMsMax });
  } catch (error) {
    throw new StartError(
      `expected systemd to stop ${unit}, which runs kedge, found ${messageOf(error)}; stop it by hand and try again`,
    );
  }
}
