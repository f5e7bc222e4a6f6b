import assert from "node:assert/strict";
import { test } from "node:test";
import { detectCgroups, processIdsOf, weightOfShares } from "./cgroups.ts";

const line = (mountPoint: string, type: string, options = "rw"): string =>
  `30 20 0:20 / ${mountPoint} rw,relatime - ${type} ${type} ${options}\n`;
const v1 =
  line("/sys/fs/cgroup/cpu,cpuacct", "cgroup", "rw,cpu,cpuacct") +
  line("/sys/fs/cgroup/memory", "cgroup", "rw,memory") +
  line("/sys/fs/cgroup/pids", "cgroup", "rw,pids") +
  line("/sys/fs/cgroup/systemd", "cgroup", "rw,xattr,name=systemd");

test("the first version is recognised, also with the second beside it", () => {
  const alone = detectCgroups(v1);
  assert.equal(alone.version, "v1");
  const hybrid = detectCgroups(v1 + line("/sys/fs/cgroup/unified", "cgroup2"));
  assert.ok(hybrid.version === "v1");
  assert.equal(hybrid.roots.get("cpuacct"), "/sys/fs/cgroup/cpu,cpuacct");
  assert.equal(hybrid.roots.get("systemd"), "/sys/fs/cgroup/systemd");
  assert.equal(hybrid.roots.get("unified"), "/sys/fs/cgroup/unified");
});

test("a machine without the controllers that are needed is refused in one sentence", () => {
  assert.throws(
    () => detectCgroups(""),
    /expected control groups with cpu, memory, pids, found none mounted: mount cgroup2/,
  );
  assert.throws(() => detectCgroups(line("/sys/fs/cgroup/cpu", "cgroup", "rw,cpu")), /found no memory, pids/);
});

test("shares become weights on the kernel's other scale", () => {
  assert.deepEqual([0, 2, 1024, 262_144, 1e9].map(weightOfShares), [1, 1, 39, 10_000, 10_000]);
});

test("a process of a group that cannot be seen from here, which the kernel calls 0, is none to be signalled", () => {
  assert.deepEqual(processIdsOf("0\n12\n0\n345\n\n"), [12, 345]);
  assert.deepEqual(processIdsOf("0\n"), []);
});
