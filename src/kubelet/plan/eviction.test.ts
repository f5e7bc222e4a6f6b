/** Which limits on disk a pod exceeds, and who goes first. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "#resources/core/pod.ts";
import { exceededLimit, limitsStorage, victimOf, type PodDiskUsage } from "./eviction.ts";

const pod = (spec: Partial<Pod["spec"]>, name = "p"): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name },
  spec: { containers: [], ...spec },
  status: {},
});
const container = (name: string, limit?: string): Pod["spec"]["containers"][number] => ({
  name,
  resources: limit === undefined ? {} : { limits: { "ephemeral-storage": limit } },
});
const used = (bytes: number, more: Partial<PodDiskUsage> = {}): PodDiskUsage => ({
  bytes,
  containers: new Map(),
  volumes: new Map(),
  ...more,
});

test("what a pod has on disk is held to the limits of its volumes, of all containers, and of each", () => {
  const volumes = [
    { name: "v", emptyDir: { sizeLimit: "1Ki" } },
    { name: "m", emptyDir: { sizeLimit: "1Ki", medium: "Memory" } },
  ];
  const two = pod({ volumes, containers: [container("a", "2Ki"), container("b", "1Ki")] });
  const cases: readonly (readonly [PodDiskUsage, string | undefined])[] = [
    [used(3072, { volumes: new Map([["v", 1024]]), containers: new Map([["a", 2048]]) }), undefined],
    [used(1025, { volumes: new Map([["v", 1025]]) }), 'Usage of EmptyDir volume "v" exceeds the limit "1Ki". '],
    [used(3073), "Pod ephemeral local storage usage exceeds the total limit of containers 3072. "],
    [
      used(1025, { containers: new Map([["b", 1025]]) }),
      'Container b exceeded its local ephemeral storage limit "1Ki". ',
    ],
    [used(2000, { volumes: new Map([["m", 2000]]) }), undefined],
  ];
  for (const [usage, message] of cases) assert.equal(exceededLimit(two, usage), message);
  assert.equal(exceededLimit(pod({ containers: [container("a")] }), used(1e12)), undefined);
});

test("only pods with a limit on the disk are measured for it", () => {
  assert.equal(limitsStorage(pod({ containers: [container("a")] })), false);
  assert.equal(limitsStorage(pod({ containers: [container("a"), container("b", "1Gi")] })), true);
  assert.equal(limitsStorage(pod({ volumes: [{ name: "v", emptyDir: {} }] })), false);
  assert.equal(limitsStorage(pod({ volumes: [{ name: "v", emptyDir: { sizeLimit: "1", medium: "Memory" } }] })), false);
  assert.equal(limitsStorage(pod({ volumes: [{ name: "v", emptyDir: { sizeLimit: "1" } }] })), true);
});

test("who uses more than asked goes first, then the lower priority, then the larger excess", () => {
  const one = (name: string, usedBytes: number, more: { requestedBytes?: number; priority?: number } = {}) => ({
    pod: pod({ priority: more.priority ?? 0 }, name),
    usedBytes,
    requestedBytes: more.requestedBytes ?? 0,
  });
  const first = (candidates: readonly ReturnType<typeof one>[]): string | undefined =>
    victimOf(candidates)?.pod.metadata.name;
  assert.equal(first([one("small", 10), one("large", 20)]), "large");
  assert.equal(first([one("asked", 90, { requestedBytes: 100 }), one("small", 1)]), "small");
  assert.equal(first([one("high", 90, { priority: 5 }), one("low", 1)]), "low");
  assert.equal(first([one("critical", 90, { priority: 2_000_000_000 })]), undefined);
});
