import assert from "node:assert/strict";
import { test } from "node:test";
import type { PodSandbox, PodSandboxState } from "#host/cri.ts";
import { label } from "./identity.ts";
import { leftoversOf, type MachineSeen } from "./leftovers.ts";
import { nothingObserved } from "./observation.ts";

const uid = "web";

function sandbox(id: string, attempt: number, state: PodSandboxState): PodSandbox {
  return {
    id,
    metadata: { name: uid, namespace: "default", uid, attempt },
    state,
    createdAt: 1_000 + attempt,
    labels: { [label.podUid]: uid },
    annotations: {},
    runtimeHandler: "",
  };
}

interface Also {
  readonly usedBy?: readonly string[];
  readonly known?: readonly string[];
}

function superseded(sandboxes: readonly PodSandbox[], { usedBy = [], known = [uid] }: Also = {}): readonly string[] {
  const containers = usedBy.map((podSandboxId) => ({
    id: `c-${podSandboxId}`,
    podSandboxId,
    metadata: { name: "main", attempt: 0 },
    image: { image: "busybox:1" },
    imageRef: "",
    imageId: "",
    state: "CONTAINER_EXITED" as const,
    createdAt: 1,
    labels: { [label.podUid]: uid },
    annotations: {},
  }));
  const seen: MachineSeen = { sandboxes, containers, groups: [], shims: [] };
  return leftoversOf(seen, new Map(known.map((one) => [one, nothingObserved]))).superseded.map(({ id }) => id);
}

test("a sandbox that a killed runtime left half made goes once there is a later one, and does not wait for its pod", () => {
  const half = sandbox("half", 0, "SANDBOX_NOTREADY");
  assert.deepEqual(superseded([half, sandbox("good", 1, "SANDBOX_READY")]), ["half"]);
  // The number is the same when the runtime had forgotten the first one at that moment.
  assert.deepEqual(superseded([{ ...half, createdAt: 1 }, sandbox("good", 0, "SANDBOX_READY")]), ["half"]);
});

test("the last sandbox of a pod stays, so does one with containers whose logs may be asked for", () => {
  const old = sandbox("old", 0, "SANDBOX_NOTREADY");
  assert.deepEqual(superseded([old]), []);
  assert.deepEqual(superseded([old, sandbox("new", 1, "SANDBOX_NOTREADY")], { usedBy: ["old"] }), []);
  assert.deepEqual(superseded([sandbox("still-ready", 0, "SANDBOX_READY"), sandbox("new", 1, "SANDBOX_READY")]), []);
});

test("sandboxes of pods that nobody wants are ended with their pods", () => {
  const both = [sandbox("a", 0, "SANDBOX_NOTREADY"), sandbox("b", 1, "SANDBOX_READY")];
  assert.deepEqual(superseded(both, { known: [] }), []);
});
