/**
 * What the store costs on this machine: `sh tools/node.sh test/bench/store.ts [directory]`. Writes 1 KB values and
 * prints writes per second, latency, bytes written to the disk, the CPU of both threads, and how long writers wait while
 * history is compacted.
 */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { machineClock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import { openSqliteStore } from "#storage/sqlite.ts";
import { absent, prefixEnd, type Revision, type Store } from "#storage/store.ts";

const value = new Uint8Array(1_024).map((_, at) => 32 + ((at * 7919) % 95));
const directory = mkdtempSync(join(process.argv[2] ?? tmpdir(), "kedge-bench-"));

/** Runs `one` `total` times, `clients` at a time, and prints a line of the table. */
async function measure(
  name: string,
  load: { readonly clients: number; readonly total: number },
  one: (at: number) => Promise<unknown>,
): Promise<void> {
  const latenciesMs: number[] = [];
  const bytesBefore = bytesWritten();
  const cpuBefore = cpuMicros();
  const startMs = performance.now();
  let next = 0;
  const client = async (): Promise<void> => {
    for (let at = next++; at < load.total; at = next++) {
      const sentMs = performance.now();
      await one(at);
      latenciesMs.push(performance.now() - sentMs);
    }
  };
  await Promise.all(Array.from({ length: load.clients }, client));
  const seconds = (performance.now() - startMs) / 1_000;
  const bytes = (bytesWritten() - bytesBefore) / load.total;
  const cpu = cpuMicros().map((micros, at) => (micros - (cpuBefore[at] ?? 0)) / load.total);
  print([
    `${name} c=${load.clients}`,
    `${Math.round(load.total / seconds)}/s`,
    ...percentiles(latenciesMs),
    `${Math.round(bytes)} B`,
    ...cpu.map((micros) => `${micros.toFixed(1)} µs`),
  ]);
}

/** CPU so far of the main thread and of the storage thread, as the kernel counts it for those that bear these names. */
function cpuMicros(): [number, number] {
  const of = (isMeant: (thread: string, name: string) => boolean): number => {
    let nanos = 0;
    for (const thread of readdirSync("/proc/self/task")) {
      const name = readFileSync(`/proc/self/task/${thread}/comm`, "utf8").trim();
      if (isMeant(thread, name))
        nanos += Number(readFileSync(`/proc/self/task/${thread}/schedstat`, "utf8").split(" ")[0]);
    }
    return nanos / 1_000;
  };
  return [of((thread) => thread === String(process.pid)), of((_thread, name) => name.includes("storage"))];
}

function percentiles(latenciesMs: number[]): string[] {
  const sorted = latenciesMs.sort((a, b) => a - b);
  return [0.5, 0.99, 1].map((share) => `${(sorted[Math.ceil(sorted.length * share) - 1] ?? 0).toFixed(2)} ms`);
}

/** Of this process, as the kernel counts them: what was handed to the file system for the disk. */
function bytesWritten(): number {
  return Number(/^write_bytes: (\d+)$/m.exec(readFileSync("/proc/self/io", "utf8"))?.[1] ?? 0);
}

function print(cells: readonly string[]): void {
  const [name = "", ...rest] = cells;
  console.log(name.padEnd(34) + rest.map((cell) => cell.padStart(12)).join(""));
}

function measureFsync(): void {
  const file = openSync(join(directory, "fsync"), "w");
  const latenciesMs: number[] = [];
  for (let at = 0; at < 200; at += 1) {
    writeSync(file, value);
    const startMs = performance.now();
    fdatasyncSync(file);
    latenciesMs.push(performance.now() - startMs);
  }
  closeSync(file);
  print(["one fdatasync of an appended 1 KB", "", ...percentiles(latenciesMs), ""]);
}

async function measureWrites(store: Store): Promise<void> {
  for (const [clients, total] of [
    [1, 1_000],
    [32, 20_000],
    [256, 40_000],
  ] as const) {
    const keyOf = (at: number): string => `/registry/configmaps/c${clients}/configmap-${at}`;
    const revisions: number[] = [];
    await measure("create", { clients, total }, async (at) => {
      const outcome = await store.commit([{ key: keyOf(at), value, expected: absent }]);
      if (outcome.kind === "committed") revisions[at] = outcome.revisions[0] ?? 0;
    });
    // In an order that has nothing to do with that of the creates.
    await measure("update", { clients, total }, (at) => {
      const chosen = (at * 7919) % total;
      return store.commit([{ key: keyOf(chosen), value, expected: revisions[chosen] ?? absent }]);
    });
  }
}

async function measureLazy(store: Store): Promise<void> {
  let expected: Revision = absent;
  await measure("lazy write", { clients: 1, total: 2_000 }, async () => {
    const write = { key: "/registry/leases/node", value, expected };
    const outcome = await store.commit([write], { durability: "lazy" });
    if (outcome.kind === "committed") [expected = absent] = outcome.revisions;
  });
}

/** Writers go on while everything before is forgotten; their longest wait is the pause. */
async function measureCompaction(store: Store): Promise<void> {
  const size = await store.size();
  const state = { compacting: true };
  const startMs = performance.now();
  const done = store.compact(store.revision).finally(() => {
    state.compacting = false;
  });
  const latenciesMs: number[] = [];
  for (let at = 0; state.compacting; at += 1) {
    const sentMs = performance.now();
    await store.commit([{ key: `/registry/compaction/${at}`, value, expected: absent }]);
    latenciesMs.push(performance.now() - sentMs);
  }
  await done;
  print([
    "create c=1 while compacting",
    `${Math.round((latenciesMs.length * 1_000) / (performance.now() - startMs))}/s`,
    ...percentiles(latenciesMs),
    "",
  ]);
  console.log(`compaction took ${((performance.now() - startMs) / 1_000).toFixed(1)} s`);
  const after = await store.size();
  for (const [when, { totalBytes, liveBytes }] of Object.entries({ before: size, after }))
    console.log(`size ${when}: ${megabytes(totalBytes)} on disk, ${megabytes(liveBytes)} live`);
}

async function measureReads(store: Store): Promise<void> {
  const prefix = "/registry/configmaps/c32/";
  await measure("get", { clients: 1, total: 5_000 }, (at) => store.get(`${prefix}configmap-${at}`));
  await measure("range of 20,000", { clients: 1, total: 3 }, () =>
    store.range({ from: prefix, to: prefixEnd(prefix) }),
  );
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function memory(when: string): void {
  console.log(`resident memory ${when}: ${megabytes(process.memoryUsage.rss())}`);
}

try {
  memory("before opening");
  const startMs = performance.now();
  const store = await openSqliteStore({ dataDir: directory, clock: machineClock, log: silentLog });
  console.log(`first start: ${(performance.now() - startMs).toFixed(0)} ms`);
  memory("after opening");
  print(["", "throughput", "p50", "p99", "max", "written each", "main CPU", "storage CPU"]);
  measureFsync();
  await measureWrites(store);
  await measureLazy(store);
  await measureReads(store);
  await measureCompaction(store);
  memory("at the end");
  await store[Symbol.asyncDispose]();
} finally {
  rmSync(directory, { recursive: true });
}
