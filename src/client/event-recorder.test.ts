import assert from "node:assert/strict";
import { test } from "node:test";
import { machineClock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import { configMaps } from "#resources/core/config-map.ts";
import { events } from "#resources/core/event.ts";
import { MemoryCluster } from "#testing/memory-client.ts";
import { EventRecorder } from "./event-recorder.ts";
import { Correlator, type Occurrence } from "./events/correlator.ts";

const about = { kind: "Pod", apiVersion: "v1", namespace: "default", name: "web", uid: "u" };
const occurrence = (message: string, atMs = 0): Occurrence => ({
  about,
  type: "Normal",
  reason: "Pulled",
  message,
  atMs,
});

test("the same event again is counted", () => {
  const correlator = new Correlator({ component: "kubelet", host: "n1" });
  const first = correlator.judge(occurrence("m"));
  const again = correlator.judge(occurrence("m", 5_000));
  assert(first.kind === "new" && again.kind === "again");
  assert.equal(again.event.metadata.name, first.event.metadata.name);
  assert.equal(again.event.count, 2);
  assert.equal(again.event.firstTimestamp, "1970-01-01T00:00:00Z");
  assert.equal(again.event.lastTimestamp, "1970-01-01T00:00:05Z");
  assert.deepEqual(first.event.source, { component: "kubelet", host: "n1" });
});

test("the tenth message of one reason is combined with those that follow", () => {
  const correlator = new Correlator({ component: "kubelet" });
  const verdicts = Array.from({ length: 12 }, (_, index) => correlator.judge(occurrence(`m${index}`)));
  const messages = verdicts.map((verdict) => (verdict.kind === "dropped" ? "" : verdict.event.message));
  assert.equal(messages[8], "m8");
  assert.equal(messages[9], "(combined from similar events): m9");
  const last = verdicts[11];
  assert(last?.kind === "again");
  assert.equal(last.event.count, 3);
  assert.equal(correlator.judge(occurrence("late", 700_000)).kind, "new");
});

test("an object may make 25 events at once and then one in five minutes", () => {
  const correlator = new Correlator({ component: "kubelet" });
  const kinds = Array.from({ length: 26 }, () => correlator.judge(occurrence("m")).kind);
  assert.deepEqual(kinds.slice(24), ["again", "dropped"]);
  assert.equal(correlator.judge(occurrence("m", 300_000)).kind, "again");
  assert.equal(correlator.judge(occurrence("m", 300_001)).kind, "dropped");
});

test("events are written, counted, and written anew when they were deleted meanwhile", async () => {
  const client = new MemoryCluster(machineClock).client("test");
  const recorder = new EventRecorder({ client, clock: machineClock, log: silentLog, source: { component: "test" } });
  const end = new AbortController();
  const running = recorder.run(end.signal);
  const metadata = { name: "a", namespace: "default", uid: "u" };
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata };
  const watch = client.watch(events, {}, end.signal)[Symbol.asyncIterator]();
  await watch.next();
  const record = async (): Promise<string> => {
    recorder.record(object, { type: "Normal", reason: "Made", message: "it is made" });
    const { value } = await watch.next();
    return `${value.type} ${value.object.count} ${value.object.involvedObject.kind}`;
  };
  assert.equal(await record(), "added 1 ConfigMap");
  assert.equal(await record(), "modified 2 ConfigMap");
  await client.deleteCollection(events, {});
  await watch.next();
  assert.equal(await record(), "added 3 ConfigMap");
  assert.equal((await client.list(configMaps, {})).items.length, 0);
  end.abort();
  await running;
});
