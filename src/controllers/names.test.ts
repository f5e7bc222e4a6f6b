import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "#base/log.ts";
import { createInformers } from "#client/watch-informer.ts";
import { MemoryApi } from "#testing/memory-api.ts";
import { MemoryCluster } from "#testing/memory-client.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { createControllers } from "./all.ts";
import { controllerNames } from "./names.ts";

function namesWithout(...disabled: readonly string[]): readonly string[] {
  const clock = new VirtualClock();
  const client = new MemoryCluster(clock).client("test");
  const ended = AbortSignal.abort(new Error("nothing runs"));
  const made = createControllers({
    clientFor: () => client,
    system: client,
    recorderFor: () => new MemoryApi(clock),
    informers: createInformers(client, { clock, log: silentLog }, ended),
    resources: { all: () => [], byKind: () => undefined, onChange: () => undefined },
    clock,
    log: silentLog,
    options: { clusterCidr: "10.42.0.0/16", rootCa: "", localStoragePath: "/x", disabled: new Set(disabled) },
  });
  return made.map(({ name }) => name);
}

test("the list of names is that of the controllers", () => {
  assert.deepEqual(namesWithout().toSorted(), controllerNames.toSorted());
});

for (const name of [...controllerNames, "local-storage"])
  test(`a controller that is switched off as ${name} is not there, and all others are`, () => {
    const left = namesWithout(name);
    assert.equal(left.length, controllerNames.length - 1);
    assert.ok(!left.includes(name === "local-storage" ? "local-storage-provisioner" : name));
  });
