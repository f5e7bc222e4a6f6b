/** Watches of the objects that a pod's volumes show: few at once, and not without end. */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { test } from "node:test";
import { machineClock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import type { WatchEvent, WatchRequest } from "#client/client.ts";
import type { KubeObject } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import type { Pod } from "#resources/core/pod.ts";
import { MemoryApi } from "#testing/memory-api.ts";
import { References, shownObjectsMax } from "./references.ts";

/** Watches that begin when they are told to. */
class SlowApi extends MemoryApi {
  starting = 0;
  startingMost = 0;
  started = 0;
  private readonly held: (() => void)[] = [];

  /** Has those begin that want to. */
  begin(): void {
    for (const begin of this.held.splice(0)) begin();
  }

  override async *watch<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    request: WatchRequest,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>> {
    this.starting += 1;
    this.startingMost = Math.max(this.startingMost, this.starting);
    await new Promise<void>((resolve) => void this.held.push(resolve));
    this.starting -= 1;
    this.started += 1;
    yield* super.watch(resource, request, signal);
  }
}

test("a pod's volumes have their objects watched a few at once, and only as many as a pod may show", async () => {
  const api = new SlowApi();
  const references = new References({ client: api, clock: machineClock, log: silentLog, changed: () => undefined });
  const volumes = Array.from({ length: 1000 }, (_, at) => ({ name: `v${at}`, configMap: { name: `c${at}` } }));
  const pod: Pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p", namespace: "n", uid: "u" },
    spec: { containers: [], volumes },
    status: {},
  };
  references.watch(pod);
  while (api.started < shownObjectsMax) {
    await setImmediate();
    api.begin();
  }
  await setImmediate();
  assert.deepEqual([api.startingMost, api.starting, api.started], [8, 0, shownObjectsMax]);
  references.release("u");
});
