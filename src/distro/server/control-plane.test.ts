/** The whole control plane in one process, over a store in memory. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { machineClock as clock } from "#base/clock.ts";
import { silentLog as log } from "#base/log.ts";
import { Metrics } from "#base/metrics.ts";
import { machineRandom as random } from "#base/random.ts";
import { openMemoryStore } from "#storage/memory.ts";
import { newKey } from "#wire/x509.ts";
import { readConfig } from "../config.ts";
import { createApi } from "./api.ts";
import { runControlPlane } from "./control-plane.ts";
import { Destinations } from "./destinations.ts";

test("all who read a kind share one informer of it", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "kedge-control-plane-"));
  const life = new AbortController();
  try {
    const outcome = await readConfig("server", { args: ["--data-dir", dataDir], env: {} });
    assert.equal(outcome.kind, "config");
    if (outcome.kind !== "config") return;
    const { config } = outcome;
    const metrics = new Metrics();
    const destinations = new Destinations({ nodeName: "", serviceCidr: config.serviceCidr, apiPort: () => 6443 });
    const kubeletOf = (): never => assert.fail("no kubelet is asked here");
    const parts = { config, clock, random, log, metrics, destinations, kubeletOf };
    const api = createApi({ ...parts, store: openMemoryStore(), serviceKey: newKey(), checks: [] }, life.signal);
    await api.whenReady(life.signal);
    const running = runControlPlane(
      { ...parts, api, rootCa: "", localStoragePath: join(dataDir, "storage") },
      life.signal,
    );
    const { informers, kinds } = api.informers.counts;
    assert.ok(kinds > 30, `${kinds} kinds`);
    assert.equal(informers, kinds);
    life.abort(new Error("the test is over"));
    await running;
  } finally {
    life.abort(new Error("the test is over"));
    rmSync(dataDir, { recursive: true, force: true });
  }
});
