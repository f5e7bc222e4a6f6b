import assert from "node:assert/strict";
import { test } from "node:test";
import { runtimeText } from "./version.ts";

test("every package of the runtime is told with its version, its checksum and whether it is the locked one", () => {
  const packages = [
    { name: "runc", version: "1.3.6", sha256: "ab", lockedVersion: undefined },
    { name: "containerd", version: "2.1.10", sha256: "cd", lockedVersion: "2.1.9" },
  ];
  assert.equal(
    runtimeText(packages),
    `PACKAGE     VERSION  SHA256  LOCK
runc        1.3.6    ab      as locked
containerd  2.1.10   cd      not as locked: 2.1.9
`,
  );
});
