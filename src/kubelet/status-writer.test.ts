/** What becomes of a status that the API will not have. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "#base/log.ts";
import type { KubeObject } from "#machinery/meta.ts";
import { StatusError } from "#machinery/status.ts";
import type { Pod } from "#resources/core/pod.ts";
import { MemoryApi } from "#testing/memory-api.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { StatusWriter } from "./status-writer.ts";

class RefusingApi extends MemoryApi {
  override patch<T extends KubeObject>(): Promise<T> {
    const message = "Request entity too large";
    return Promise.reject(new StatusError({ code: 413, reason: "RequestEntityTooLarge", message }));
  }
}

test("a pod whose status is too large for the API is taken down all the same", { timeout: 10_000 }, async () => {
  const clock = new VirtualClock();
  const pod: Pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p", namespace: "n", uid: "u", resourceVersion: "1" },
    spec: { containers: [] },
    status: {},
  };
  const ending = new AbortController();
  const writer = new StatusWriter({ client: new RefusingApi(clock), clock, log: silentLog }, pod);
  const running = writer.run(ending.signal);
  writer.want({ phase: "Failed" });
  await writer.flush(ending.signal);
  assert.deepEqual(writer.latest, { phase: "Failed" });
  ending.abort();
  await running;
});
