import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryFiles } from "#testing/memory-files.ts";
import { annotation, label } from "../plan/identity.ts";
import type { ObservedContainer } from "../plan/observation.ts";
import { lastWords } from "./last-words.ts";

const ended: ObservedContainer = {
  id: "c1",
  podSandboxId: "s1",
  metadata: { name: "main", attempt: 0 },
  state: "CONTAINER_EXITED",
  createdAt: 1,
  startedAt: 1,
  finishedAt: 2,
  exitCode: 1,
  image: { image: "busybox:1" },
  imageRef: "",
  imageId: "",
  reason: "Error",
  message: "",
  labels: { [label.containerName]: "main" },
  annotations: { [annotation.terminationMessagePath]: "/dev/termination-log" },
  mounts: [{ containerPath: "/dev/termination-log", hostPath: "/pod/containers/main/w0" }],
  logPath: "",
  stopSignal: "SIGTERM",
};

test("of a long termination message the last 4096 bytes are told, as upstream", async () => {
  const said = `${"x".repeat(5_000)}because of this`;
  const files = new MemoryFiles({ "/pod/containers/main/w0": said });
  assert.equal(await lastWords({ files, podFolder: "/pod" }, ended), said.slice(-4_096));
  const short = new MemoryFiles({ "/pod/containers/main/w0": "short" });
  assert.equal(await lastWords({ files: short, podFolder: "/pod" }, ended), "short");
});
