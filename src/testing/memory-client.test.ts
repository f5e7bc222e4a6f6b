import assert from "node:assert/strict";
import { test } from "node:test";
import { machineClock } from "#base/clock.ts";
import { clientContract } from "#client/contract.ts";
import { configMaps } from "#resources/core/config-map.ts";
import { MemoryCluster } from "./memory-client.ts";

clientContract("memory", {
  open: async () => ({
    client: new MemoryCluster(machineClock).client("test"),
    namespace: "default",
    [Symbol.asyncDispose]: async () => undefined,
  }),
});

test("a watch from before a compaction is refused as Expired", async () => {
  const cluster = new MemoryCluster(machineClock);
  const client = cluster.client("test");
  const metadata = { name: "a", namespace: "default" };
  await client.create(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata });
  cluster.compact();
  const stream = client.watch(configMaps, { resourceVersion: "1" }, new AbortController().signal);
  await assert.rejects(stream[Symbol.asyncIterator]().next(), { reason: "Expired" });
});
