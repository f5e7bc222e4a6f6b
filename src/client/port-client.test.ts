import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageChannel } from "node:worker_threads";
import { machineClock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import { untyped } from "#machinery/resource.ts";
import { configMaps, type ConfigMap } from "#resources/core/config-map.ts";
import { deployments } from "#resources/apps/deployment.ts";
import { MemoryCluster } from "#testing/memory-client.ts";
import { clientContract } from "./contract.ts";
import { PortClient } from "./port-client.ts";
import { servePort } from "./port-server.ts";

interface Opened extends AsyncDisposable {
  readonly cluster: MemoryCluster;
  readonly client: PortClient;
  readonly namespace: string;
  readonly end: AbortController;
}

function open(): Opened {
  const cluster = new MemoryCluster(machineClock);
  const { port1, port2 } = new MessageChannel();
  const end = new AbortController();
  const resources = [untyped(configMaps), untyped(deployments)];
  servePort(
    port1,
    {
      client: cluster.client("test"),
      resourceOf: ({ plural }) => resources.find((resource) => resource.plural === plural),
      log: silentLog,
    },
    end.signal,
  );
  const client = new PortClient(port2, "test");
  const dispose = async (): Promise<void> => end.abort();
  return { cluster, client, namespace: "default", end, [Symbol.asyncDispose]: dispose };
}

clientContract("port", { open: async () => open() });

const map = (name: string): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "default" },
});

test("a watch that is not read stops taking events, and goes on where it stood", async () => {
  await using opened = open();
  const { client, cluster } = opened;
  const direct = cluster.client("direct");
  const stream = client.watch(configMaps, {}, new AbortController().signal)[Symbol.asyncIterator]();
  await stream.next();
  const names = Array.from({ length: 2_000 }, (_, index) => `m${index}`);
  for (const name of names) await direct.create(configMaps, map(name));
  const seen: string[] = [];
  while (seen.length < names.length) {
    const { value } = await stream.next();
    seen.push(value.object.metadata.name);
  }
  assert.deepEqual(seen, names);
});

test("a closed port is the API that cannot be reached", async () => {
  const { client, end } = open();
  const watching = client.watch(configMaps, {}, new AbortController().signal)[Symbol.asyncIterator]();
  await watching.next();
  const next = watching.next();
  end.abort();
  await assert.rejects(next, { reason: "ServiceUnavailable" });
  await assert.rejects(client.list(configMaps, {}), { reason: "ServiceUnavailable" });
});
