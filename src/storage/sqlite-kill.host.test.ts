/**
 * The promise that costs the most, checked the hard way: a store is killed at a random point under load, opened again
 * and compared with what it had acknowledged. See sqlite-kill/writer.ts for the process that dies.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { machineClock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import { Ledger } from "./sqlite-kill/ledger.ts";
import { seededRandom } from "./sqlite-kill/seeded-random.ts";
import { openSqliteStore } from "./sqlite.ts";

const kills = Number(process.env["KILLS"] ?? 200);
/** Stores that live and die side by side. */
const lanes = 2;
const lifeMsMax = 100;
const seed = Number(process.env["KILL_SEED"] ?? Math.floor(Math.random() * 0x7fffffff));

test(
  `a store loses nothing it acknowledged in ${kills} kills (KILL_SEED=${seed})`,
  { timeout: kills * 1_500 },
  async () => {
    const written = await Promise.all(Array.from({ length: lanes }, (_, lane) => killAgainAndAgain(lane)));
    console.log(
      `seed ${seed}: ${kills} kills, ${written.reduce((sum, count) => sum + count)} acknowledged writes checked`,
    );
  },
);

async function killAgainAndAgain(lane: number): Promise<number> {
  const dataDir = mkdtempSync(join(tmpdir(), "kedge-kill-"));
  const random = seededRandom(seed + lane);
  const ledger = new Ledger();
  try {
    for (let life = 0; life < kills / lanes; life += 1) {
      await liveAndDie({ dataDir, ledger, lifeMs: random() * lifeMsMax, seed: Math.floor(random() * 0x7fffffff) });
      await using store = await openSqliteStore({ dataDir, clock: machineClock, log: silentLog });
      await ledger.check(store);
    }
    return ledger.acknowledged;
  } finally {
    rmSync(dataDir, { recursive: true });
  }
}

interface Life {
  readonly dataDir: string;
  readonly ledger: Ledger;
  readonly lifeMs: number;
  readonly seed: number;
}

/** Runs the writer, kills it some time after it opened the store, and enters what it had said in the ledger. */
async function liveAndDie({ dataDir, ledger, lifeMs, seed }: Life): Promise<void> {
  const program = join(import.meta.dirname, "sqlite-kill", "writer.ts");
  const said = join(dataDir, "said");
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", program, dataDir, said, String(seed)],
    {
      stdio: ["ignore", "pipe", "inherit"],
      // Most of a short life would be spent on compiling.
      env: { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), "kedge-kill-compile-cache") },
    },
  );
  const ended = new Promise<string | null>((resolve) => child.once("exit", (_code, signal) => resolve(signal)));
  await Promise.race([ended, new Promise((resolve) => child.stdout.once("data", resolve))]);
  const killed = machineClock.after(lifeMs, () => child.kill("SIGKILL"));
  const signal = await ended;
  killed.cancel();
  assert.equal(signal, "SIGKILL", "expected the writer to live until it was killed");
  // The last line may be cut by the kill: what was not said whole was not said.
  for (const line of readFileSync(said, "utf8").split("\n").slice(0, -1)) ledger.enter(line);
}
