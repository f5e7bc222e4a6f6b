/** What the flags of a node become. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readConfig } from "../config.ts";
import { registrationOf } from "./registration.ts";

test("labels and taints are read as they are written on nodes", async () => {
  const args = ["--node-label", "disk=ssd", "--node-taint", "gpu=yes:NoSchedule", "--node-taint", "edge:NoExecute"];
  const outcome = await readConfig("server", { args, env: {} });
  assert.equal(outcome.kind, "config");
  if (outcome.kind !== "config") return;
  assert.deepEqual(registrationOf(outcome.config), {
    labels: { disk: "ssd" },
    taints: [
      { key: "gpu", value: "yes", effect: "NoSchedule" },
      { key: "edge", effect: "NoExecute" },
    ],
  });
});
