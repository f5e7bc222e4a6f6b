/**
 * The process that is killed: writes as fast as it can and says each write before it starts and after it was
 * acknowledged, a line each. `try KEY NAME KIND`, `done KEY REVISION DURABILITY`. Each key has one writer.
 */
import { openSync, writeSync } from "node:fs";
import { machineClock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import { utf8 } from "#base/bytes.ts";
import { openSqliteStore } from "../sqlite.ts";
import { absent, prefixEnd, type Store } from "../store.ts";
import { seededRandom } from "./seeded-random.ts";
import { remove, update } from "../contract/one-key.ts";

const writers = 16;
const keysPerWriter = 3;
const [, , dataDir = "", saidPath = "", seedText = "0"] = process.argv;
const random = seededRandom(Number(seedText));
// In some lives hardly anything is durable, so that lazy writes are there to be lost.
const lazyShare = random() < 0.5 ? 0.3 : 0.99;
// A file: what was written before the kill is in it, and no slow reader makes the writer buffer its words.
const said = openSync(saidPath, "w");

function say(line: string): void {
  writeSync(said, `${line}\n`);
}

async function write(store: Store, key: string, held: number | undefined): Promise<number | undefined> {
  const kind = held === undefined ? "create" : random() < 0.05 ? "delete" : "update";
  const durability = kind !== "delete" && random() < lazyShare ? "lazy" : "durable";
  const name = `${seedText}-${Math.floor(random() * 2 ** 31)}`;
  const value = utf8(`${name} ${"x".repeat(Math.floor(random() ** 4 * 8_000))}`);
  say(`try ${key} ${kind === "delete" ? "-" : name} ${kind}`);
  const outcome =
    kind === "create"
      ? await update(store, { key: key, value: value, expected: absent }, { durability })
      : kind === "update"
        ? await update(store, { key, value, expected: held ?? 0 }, { durability })
        : await remove(store, key, held);
  if (!["created", "updated", "deleted"].includes(outcome.kind))
    throw new Error(`expected "${key}" at "${held}", found ${outcome.kind}`);
  say(`done ${key} ${outcome.revision} ${durability}`);
  return kind === "delete" ? undefined : outcome.revision;
}

async function writeForEver(store: Store, writer: number): Promise<never> {
  const keys = Array.from({ length: keysPerWriter }, (_, at) => `/kill/${writer}/${at}`);
  const held = new Map<string, number | undefined>();
  for (const key of keys) held.set(key, (await store.get(key))?.modRevision);
  for (;;) {
    const key = keys[Math.floor(random() * keysPerWriter)] ?? "";
    held.set(key, await write(store, key, held.get(key)));
  }
}

/** History goes while it is written; an old range is read on the way. */
async function compactForEver(store: Store): Promise<never> {
  for (;;) {
    await store.range({ from: "/kill/", to: prefixEnd("/kill/"), revision: store.revision });
    await store.compact(Math.max(1, store.revision - 200));
  }
}

const store = await openSqliteStore({
  dataDir,
  clock: machineClock,
  log: silentLog,
  lazyCommitMs: 20,
  sweepRevisionsMin: 10,
});
process.stdout.write("open");
await Promise.all([
  compactForEver(store),
  ...Array.from({ length: writers }, (_, writer) => writeForEver(store, writer)),
]);
