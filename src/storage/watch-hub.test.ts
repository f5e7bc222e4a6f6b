import assert from "node:assert/strict";
import { test } from "node:test";
import { prefixEnd, type StoreEvent } from "./store.ts";
import { WatchHub } from "./watch-hub.ts";

const never = new AbortController().signal;

function deletion(key: string, revision: number): StoreEvent {
  return { kind: "deleted", key, revision, previousRevision: 1 };
}

test("each event goes to those whose range it is in, however the ranges lie in one another", () => {
  const hub = new WatchHub();
  const calls: string[] = [];
  const watch = (from: string, to: string, signal = never): void => {
    const listener = (events: readonly StoreEvent[], revision: number): void => {
      const keys = events.map((event) => (event.kind === "put" ? event.entry.key : event.key));
      calls.push(`${from}-${to}: ${keys.join(" ")} @${revision}`);
    };
    hub.add({ from, to, listener }, signal);
  };
  const leaving = new AbortController();
  watch("/", "0");
  watch("/a/", "/a0");
  watch("/a/", "/b0");
  watch("/b/", "/b0", leaving.signal);
  watch("/c/", "/c/");
  watch("/c0", "/c/");
  hub.publish([deletion("/a/1", 2), deletion("/b/1", 3), deletion("/a/2", 4)], 4);
  assert.deepEqual(calls.splice(0), [
    "/-0: /a/1 /b/1 /a/2 @4",
    "/a/-/a0: /a/1 /a/2 @4",
    "/a/-/b0: /a/1 /b/1 /a/2 @4",
    "/b/-/b0: /b/1 @4",
  ]);
  leaving.abort();
  hub.publish([deletion("/b/1", 5), deletion("/c/", 6), deletion("1", 7)], 7);
  assert.deepEqual(calls, ["/-0: /b/1 /c/ @7", "/a/-/b0: /b/1 @7"]);
});

test("a batch costs those it does not concern nothing", () => {
  const hub = new WatchHub();
  let called = 0;
  for (let at = 0; at < 1_000; at += 1) {
    const from = `/${String(at)}/`;
    hub.add({ from, to: prefixEnd(from), listener: () => (called += 1) }, never);
  }
  hub.publish([deletion("/7/a", 2), deletion("/7/b", 3)], 3);
  assert.equal(called, 1);
});
