/**
 * The one suite every store passes: golden conversations for what a reader wants to see, and random histories against a
 * trivial model for what nobody thinks of. Call it in a test file with a way to open an empty store.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { assert as assertProperty, asyncProperty } from "fast-check";
import { textOf, utf8 } from "#base/bytes.ts";
import { answerTo, converse } from "./contract/conversation.ts";
import { checkHistory, commands } from "./contract/history.ts";
import { absent, type Revision, type Store, StoreUnavailableError } from "./store.ts";
import { create, remove, update } from "./contract/one-key.ts";

/** Opens an empty store. */
export type OpenStore = () => Promise<Store>;

/** Histories that once failed, by seed, so that they are tried first for ever. */
const seedsThatFailed: readonly number[] = [];
const historiesPerRun = 30;
const testdata = join(import.meta.dirname, "contract", "testdata");
const conversations = ["write.txt", "range.txt", "watch.txt", "compact.txt"];

export function testStore(name: string, open: OpenStore): void {
  for (const file of conversations) testConversation(`${name}: the conversation ${file}`, join(testdata, file), open);
  testHistories(name, open);
  testConcurrency(name, open);
  testProgress(name, open);
  testReplay(name, open);
  testSize(name, open);
}

function testConversation(title: string, path: string, open: OpenStore): void {
  void test(title, async () => {
    await using store = await open();
    const before = readFileSync(path, "utf8");
    const after = await converse(store, before);
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(path, after);
    else assert.equal(after, before);
  });
}

function testHistories(name: string, open: OpenStore): void {
  void test(`${name}: no random history differs from the model`, async () => {
    const property = asyncProperty(commands, async (history) => {
      await using store = await open();
      await checkHistory(store, history);
    });
    const seed = Math.floor(Math.random() * 0x7fffffff);
    for (const failed of seedsThatFailed) await assertProperty(property, { seed: failed, numRuns: historiesPerRun });
    // fast-check names the seed in the failure it throws.
    await assertProperty(property, { seed, numRuns: historiesPerRun });
  });
}

function testConcurrency(name: string, open: OpenStore): void {
  void test(`${name}: of many writers who expect the same revision one wins`, async () => {
    await using store = await open();
    await create(store, "/key", utf8("0"));
    const expected = store.revision;
    const writers = Array.from({ length: 50 }, (_, at) =>
      update(store, { key: "/key", value: utf8(String(at)), expected }),
    );
    const outcomes = await Promise.all(writers);
    assert.equal(outcomes.filter((outcome) => outcome.kind === "updated").length, 1);
    assert.equal(outcomes.filter((outcome) => outcome.kind === "conflict").length, 49);
  });

  void test(`${name}: a writer finds its own write in what its watcher was told`, async () => {
    await using store = await open();
    const told = new Set<Revision>();
    let calls = 0;
    let progress = 0;
    const ending = new AbortController();
    await store.watch(
      { from: "/a/", to: "/a0", afterRevision: 0 },
      (events, revision) => {
        for (const event of events) told.add(event.kind === "put" ? event.entry.modRevision : event.revision);
        calls += 1;
        assert(events.length > 0 || calls === 1);
        progress = revision;
      },
      ending.signal,
    );
    const writer = async (prefix: string, at: number): Promise<void> => {
      const durability = at % 2 === 0 ? "durable" : "lazy";
      const outcome = await update(
        store,
        { key: `${prefix}${at}`, value: utf8("v"), expected: absent },
        { durability },
      );
      assert(outcome.kind === "created");
      assert.equal(told.has(outcome.revision), prefix === "/a/");
      assert(store.revision >= outcome.revision);
      if (prefix === "/a/") assert(progress >= outcome.revision);
    };
    await Promise.all(Array.from({ length: 100 }, (_, at) => writer(at % 3 === 0 ? "/b/" : "/a/", at)));
    ending.abort();
    const count = told.size;
    await create(store, "/a/late", utf8("v"));
    assert.equal(told.size, count);
  });
}

function testProgress(name: string, open: OpenStore): void {
  void test(`${name}: who waits for a revision is told when every watcher has it, and not before`, async () => {
    await using store = await open();
    const never = new AbortController().signal;
    const order: string[] = [];
    await store.watch({ from: "/a", to: "/b", afterRevision: 0 }, () => order.push("watcher"), never);
    const next = store.revision + 1;
    const reached = store.reached(next, never).then(() => order.push("reached"));
    const far = new AbortController();
    const left = store.reached(next + 1_000, far.signal);
    await create(store, "/a", utf8("v"));
    await reached;
    assert.deepEqual(order, ["watcher", "watcher", "reached"]);
    await store.reached(next, never);
    far.abort();
    await left;
  });
}

function testReplay(name: string, open: OpenStore): void {
  void test(`${name}: a watcher that starts in the past under load misses nothing and sees nothing twice`, async () => {
    await using store = await open();
    const seen: string[] = [];
    const written: Promise<unknown>[] = [];
    for (let at = 0; at < 2_500; at += 1) written.push(create(store, `/key/${at}`, utf8("v")));
    await Promise.all(written.slice(0, 2_200));
    const watching = store.watch(
      { from: "/key/", to: "/key0", afterRevision: 100 },
      (events) => {
        for (const event of events)
          if (event.kind === "put") seen.push(`${event.entry.modRevision} ${event.entry.key}`);
      },
      new AbortController().signal,
    );
    for (let at = 2_500; at < 3_000; at += 1) written.push(create(store, `/key/${at}`, utf8("v")));
    await Promise.all([watching, ...written]);
    const { entries } = await store.range({ from: "/key/", to: "/key0" });
    const expected = entries
      .filter(({ modRevision }) => modRevision > 100)
      .sort((a, b) => a.modRevision - b.modRevision)
      .map(({ modRevision, key }) => `${modRevision} ${key}`);
    assert.deepEqual(seen, expected);
  });
}

function testSize(name: string, open: OpenStore): void {
  void test(`${name}: large values and many keys come back as they went in`, async () => {
    await using store = await open();
    const large = new Uint8Array(3 * 1024 * 1024).map((_, at) => at % 251);
    await create(store, "/large/1", large);
    await create(store, "/large/2", new Uint8Array(0));
    const { entries } = await store.range({ from: "/large/", to: "/large0" });
    assert.deepEqual(
      entries.map(({ value }) => Buffer.compare(value, large)),
      [0, -1],
    );
    await Promise.all(Array.from({ length: 3_000 }, (_, at) => create(store, `/many/${at}`, utf8(String(at)))));
    const many = await store.range({ from: "/many/", to: "/many0" });
    assert.equal(many.entries.length, 3_000);
    assert(many.entries.every(({ key, value }) => key === `/many/${textOf(value)}`));
    assert.equal((await store.range({ from: "/", to: "0", limit: 1_001 })).remaining, 2_001);
    // Ranges pass over what is gone.
    await Promise.all(many.entries.slice(0, 1_200).map(({ key }) => remove(store, key)));
    const left = await store.range({ from: "/many/", to: "/many0", limit: 700 });
    assert.deepEqual(left.entries, many.entries.slice(1_200, 1_900));
    assert.equal(left.remaining, 1_100);
    const { totalBytes, liveBytes } = await store.size();
    assert(liveBytes > large.length && totalBytes >= liveBytes);
  });

  void test(`${name}: a closed store says so`, async () => {
    const store = await open();
    await store[Symbol.asyncDispose]();
    await assert.rejects(create(store, "/key", utf8("v")), StoreUnavailableError);
    assert.match(await answerTo(store, "get /key"), /refused: expected an open store, found it closed/);
  });
}
