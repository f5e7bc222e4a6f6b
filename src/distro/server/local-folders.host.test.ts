/** Folders of deleted volumes on this machine: they go, and nothing that was mounted in them or linked from them. */
import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { machineClock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import { localFolderFinalizer } from "#controllers/local-storage-provisioner.ts";
import { listMounts, unmountBelow } from "#host/mounts.ts";
import { run } from "#host/processes.ts";
import { persistentVolumes, type PersistentVolume } from "#resources/core/persistent-volume.ts";
import { MemoryApi } from "#testing/memory-api.ts";
import { localFolders } from "./local-folders.ts";

const base = realpathSync(mkdtempSync(join(tmpdir(), "kedge-local-")));
after(async () => {
  await unmountBelow(base);
  rmSync(base, { recursive: true });
});

function deleted(name: string, path: string): PersistentVolume {
  const expression = { key: "kubernetes.io/hostname", operator: "In" as const, values: ["node-1"] };
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name, deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: [localFolderFinalizer] },
    spec: {
      hostPath: { path },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [expression] }] } },
    },
    status: {},
  };
}

test("a deleted volume's folder goes, and neither what is mounted in it nor what lies outside", async () => {
  const api = new MemoryApi();
  const folder = join(base, "storage");
  mkdirSync(join(folder, "one/mounted"), { recursive: true });
  mkdirSync(join(folder, "kept"));
  mkdirSync(join(base, "outside"));
  writeFileSync(join(base, "outside/file"), "kept");
  symlinkSync("../../outside", join(folder, "one/link"));
  await run("mount", ["-n", "--bind", join(base, "outside"), join(folder, "one/mounted")], { timeoutMs: 60_000 });
  const volumes = {
    one: join(folder, "one"),
    out: join(folder, "../outside"),
    all: folder,
    none: join(folder, "none"),
  };
  for (const [name, path] of Object.entries(volumes)) await api.create(persistentVolumes, deleted(name, path));
  const life = new AbortController();
  const options = { client: api, informers: api, clock: machineClock, log: silentLog, nodeName: "node-1", folder };
  const done = localFolders(options).run(life.signal);
  const finalizers = (name: string): number =>
    api.find(persistentVolumes, { namespace: "", name })?.metadata.finalizers?.length ?? 0;
  await api.until(
    () => (finalizers("one") === 0 && finalizers("none") === 0 ? true : undefined),
    AbortSignal.timeout(10_000),
  );
  life.abort(new Error("the test is over"));
  await done.catch(() => undefined);
  assert.deepEqual([readdirSync(folder), existsSync(folder), await listMounts(folder)], [["kept"], true, []]);
  assert.equal(readFileSync(join(base, "outside/file"), "utf8"), "kept");
  assert.deepEqual([finalizers("out"), finalizers("all")], [1, 1]);
});
