/** Volumes over files in memory: what they hold, how they change, and that nothing leads out of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "#base/assert.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { Volume } from "#resources/core/volume.ts";
import type { SafeFolder } from "#host/safe-folder.ts";
import { MemoryFiles } from "#testing/memory-files.ts";
import { MemoryApi } from "#testing/memory-api.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { machineRandom } from "#base/random.ts";
import { persistentVolumeClaims } from "#resources/core/persistent-volume-claim.ts";
import { persistentVolumes } from "#resources/core/persistent-volume.ts";
import { PodVolumes } from "./pod-volumes.ts";
import { generationName, writeAtomically } from "./atomic-write.ts";
import { checkHostPath } from "./host-path.ts";
import { giveToGroup, rootIsGroups } from "./ownership.ts";
import { payloadOf, type Payload } from "./payload.ts";
import { mountSubPath, placeInVolume } from "./sub-path.ts";

const text = async (files: MemoryFiles, path: string): Promise<string | undefined> => {
  const bytes = await files.read(path);
  return bytes && Buffer.from(bytes).toString();
};

const payload = (table: Readonly<Record<string, string>>): Payload =>
  new Map(Object.entries(table).map(([name, content]) => [name, { content: Buffer.from(content), mode: 0o644 }]));

async function volumeOf(files: MemoryFiles): Promise<SafeFolder> {
  await files.makeFolder("/v", 0o755);
  return must(await files.folder("/v"), "the folder was made");
}

const generation = (at: number): string => generationName(Date.UTC(2026, 0, 1) + at, "abcde");

test("files of a volume change together, and what is no longer shown goes", async () => {
  const files = new MemoryFiles();
  using folder = await volumeOf(files);
  await writeAtomically(folder, { name: generation(1) }, payload({ a: "1", "dir/./b": "2" }));
  assert.deepEqual([await text(files, "/v/a"), await text(files, "/v/dir/b")], ["1", "2"]);
  await writeAtomically(folder, { name: generation(2), gid: 7 }, payload({ a: "3", c: "4" }));
  assert.deepEqual(
    [await text(files, "/v/a"), await text(files, "/v/c"), await text(files, "/v/dir/b")],
    ["3", "4", undefined],
  );
  assert.deepEqual(await files.list("/v"), ["..2026_01_01T00_00_00_002Zabcde", "..data", "a", "c"]);
  const facts = await files.facts("/v/a");
  assert.deepEqual([facts?.gid, facts?.mode, (await files.facts("/v"))?.mode], [7, 0o644, 0o755]);
});

test("files that cannot be written leave the ones before as they are, and nothing of their own", async () => {
  const files = new MemoryFiles();
  using folder = await volumeOf(files);
  await writeAtomically(folder, { name: generation(1) }, payload({ a: "1" }));
  const before = await folder.list("", 10);
  // One name cannot be a file and a folder.
  await assert.rejects(writeAtomically(folder, { name: generation(2) }, payload({ b: "1", "b/c": "2" })));
  assert.deepEqual(await folder.list("", 10), before);
});

test("what a container of an older kedge put into a volume leads nowhere", async () => {
  const files = new MemoryFiles({ "/host/secret/key": "x", "/host/..2020_01_01T00_00_00_000Zx/key": "x" });
  using folder = await volumeOf(files);
  await writeAtomically(folder, { name: generation(1) }, payload({ a: "1" }));
  await files.remove("/v/..data");
  await files.symlink("../host/secret", "/v/..data");
  await files.symlink("../host", "/v/..2020_01_01T00_00_00_000Zx");
  await files.symlink("../host/secret", "/v/a");
  await files.symlink("../host", "/v/b");
  await files.makeFolder("/v/c/d");
  await files.makeFolder("/v/..not-a-generation");
  await files.chmod("/v", 0o777);
  await writeAtomically(folder, { name: generation(2) }, payload({ a: "2", "b/file": "3", c: "4" }));
  assert.deepEqual(
    [await text(files, "/v/a"), await text(files, "/v/b/file"), await text(files, "/v/c")],
    ["2", "3", "4"],
  );
  assert.deepEqual(await files.list("/v"), [
    "..2026_01_01T00_00_00_002Zabcde",
    "..data",
    "..not-a-generation",
    "a",
    "b",
    "c",
  ]);
  assert.deepEqual([await text(files, "/host/secret/key"), (await files.facts("/v"))?.mode], ["x", 0o755]);
  assert.equal(await text(files, "/host/..2020_01_01T00_00_00_000Zx/key"), "x");
});

const pod: Pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", namespace: "shop", labels: { app: "web" } },
  spec: { containers: [{ name: "main", resources: {} }], securityContext: { runAsUser: 7 } },
  status: {},
};

async function contents(volume: Omit<Volume, "name">): Promise<Readonly<Record<string, string>>> {
  const meta = { apiVersion: "v1", metadata: {} };
  const made = await payloadOf(
    { name: "v", ...volume },
    {
      facts: { pod, podIps: [], hostIps: [], allocatable: {} },
      references: {
        configMap: async (name) =>
          name === "none" ? undefined : { ...meta, kind: "ConfigMap", data: { k: "v" }, binaryData: { bin: "AQI=" } },
        secret: async () => ({ ...meta, kind: "Secret", data: { pass: "d29yZA==" } }),
      },
      token: async ({ audience }) => `token for ${audience}`,
    },
  );
  return Object.fromEntries(
    [...made].map(([path, file]) => [`${path} ${file.mode.toString(8)}`, Buffer.from(file.content).toString()]),
  );
}

test("a volume whose items come to more than a node can hold is refused", async () => {
  const key = Buffer.alloc(1_000_000).toString("base64");
  const meta = { apiVersion: "v1", metadata: {} };
  const large = { ...pod, metadata: { ...pod.metadata, annotations: { a: "x".repeat(200_000) } } };
  const sources = {
    facts: { pod: large, podIps: [], hostIps: [], allocatable: {} },
    references: {
      configMap: async () => ({ ...meta, kind: "ConfigMap", binaryData: { key } }),
      secret: async () => ({ ...meta, kind: "Secret", data: { key } }),
    },
    token: async () => "",
  };
  const items = Array.from({ length: 40 }, (_, number) => ({ key: "key", path: `f${number}` }));
  const fieldRef = { fieldPath: "metadata.annotations" };
  const facts = Array.from({ length: 200 }, (_, number) => ({ path: `f${number}`, fieldRef }));
  const volumes: readonly Omit<Volume, "name">[] = [
    { configMap: { name: "c", items } },
    { secret: { secretName: "s", items } },
    { downwardAPI: { items: facts } },
    { projected: { sources: items.map(() => ({ secret: { name: "s" } })) } },
  ];
  for (const volume of volumes)
    await assert.rejects(payloadOf({ name: "v", ...volume }, sources), {
      message: "expected files of at most 33554432 bytes together, found more",
    });
});

test("volumes show config maps, secrets, facts and tokens, with their modes", async () => {
  assert.deepEqual(await contents({ configMap: { name: "c" } }), { "k 644": "v", "bin 644": "\u0001\u0002" });
  const items = [{ key: "k", path: "sub/file", mode: 0o400 }];
  assert.deepEqual(await contents({ configMap: { name: "c", items } }), { "sub/file 400": "v" });
  assert.deepEqual(await contents({ secret: { secretName: "s", defaultMode: 0o600 } }), { "pass 600": "word" });
  assert.deepEqual(await contents({ configMap: { name: "none", optional: true } }), {});
  await assert.rejects(contents({ configMap: { name: "none" } }), { message: 'configmap "none" not found' });
  const missing = [{ key: "x", path: "x" }];
  await assert.rejects(contents({ configMap: { name: "c", items: missing } }), {
    message: "references non-existent config key: x",
  });
  const sources = [
    { serviceAccountToken: { path: "token", audience: "api" } },
    { downwardAPI: { items: [{ path: "labels", fieldRef: { fieldPath: "metadata.labels" } }] } },
    { secret: { name: "s" } },
  ];
  // Who runs as one user everywhere is the only one besides root to read the token.
  assert.deepEqual(await contents({ projected: { sources } }), {
    "token 600": "token for api",
    "labels 644": 'app="web"',
    "pass 644": "word",
  });
});

test("a part of a volume stays within it", async () => {
  const files = new MemoryFiles({ "/v/dir/file": "x", "/etc/passwd": "root" });
  using volume = await volumeOf(files);
  const links = {
    out: "/etc",
    up: "../etc",
    in: "dir",
    "dir/back": "../dir/../in/file",
    round: "round",
    made: "dir/new",
  };
  for (const [name, target] of Object.entries(links)) await files.symlink(target, `/v/${name}`);
  const places = {
    "dir/file": "dir/file",
    "in//./file": "dir/file",
    "in/back": "dir/file",
    "new/here": "new/here",
    ".": "",
  };
  for (const [subPath, place] of Object.entries(places)) assert.equal(await placeInVolume(volume, subPath), place);
  assert.equal(await placeInVolume(volume, "made/x"), "dir/new/x");
  const refused = {
    "../etc": "unable to provision SubPath `../etc`: must not contain '..'",
    "/etc": "error SubPath `/etc` must not be an absolute path",
    "out/passwd": 'subPath "out/passwd" leads out of its volume',
    up: 'subPath "up" leads out of its volume',
    round: 'too many links in subPath "round"',
  };
  for (const [subPath, message] of Object.entries(refused))
    await assert.rejects(placeInVolume(volume, subPath), { message });
  await assert.rejects(placeInVolume(volume, "dir/file/under"), { name: "UnsafePathError" });
});

test("a folder made for a part of a volume is as open as the volume", async () => {
  const files = new MemoryFiles();
  using volume = await volumeOf(files);
  await files.chmod("/v", 0o2777);
  await placeInVolume(volume, "made/here");
  assert.deepEqual([(await files.facts("/v/made"))?.mode, (await files.facts("/v/made/here"))?.mode], [0o2777, 0o2777]);
});

test("a part of a volume is mounted in the pod's own folder, and mounted anew for the next instance", async () => {
  const files = new MemoryFiles({ "/v/a/file": "a", "/v/b": "b" });
  using volume = await volumeOf(files);
  await files.makeFolder("/pods/1", 0o750);
  using podFolder = must(await files.folder("/pods/1"), "it was made");
  const at = "volume-subpaths/v/main/0";
  assert.equal(await mountSubPath({ volume, podFolder, at, subPath: "a" }), `/pods/1/${at}`);
  assert.equal(await text(files, `/pods/1/${at}/file`), "a");
  await mountSubPath({ volume, podFolder, at, subPath: "b" });
  assert.equal(await text(files, `/pods/1/${at}`), "b");
});

test("a volume's group may read and write it, and new files become the group's", async () => {
  const files = new MemoryFiles({ "/v/dir/file": "x", "/etc/passwd": "root" });
  await files.symlink("/etc", "/v/out");
  await files.chmod("/v/dir/file", 0o400);
  using folder = await volumeOf(files);
  const group = { gid: 2000, readOnly: false };
  assert.equal(await rootIsGroups(folder, group), false);
  await giveToGroup(folder, group);
  const [root, file] = [await files.facts("/v"), await files.facts("/v/dir/file")];
  assert.deepEqual([root?.gid, root?.mode, file?.gid, file?.mode], [2000, 0o2775, 2000, 0o660]);
  assert.deepEqual([await rootIsGroups(folder, group), (await files.facts("/etc/passwd"))?.gid], [true, 0]);
});

test("who owns a local volume is settled when a pod starts, not again when kedge does", async () => {
  const files = new MemoryFiles({ "/disk/file": "x" });
  const api = new MemoryApi();
  const meta = { apiVersion: "v1", metadata: {} };
  await api.create(persistentVolumes, {
    ...meta,
    kind: "PersistentVolume",
    metadata: { name: "pv" },
    spec: { local: { path: "/disk" }, claimRef: { uid: "c" } },
    status: {},
  });
  await api.create(persistentVolumeClaims, {
    ...meta,
    kind: "PersistentVolumeClaim",
    metadata: { name: "claim", namespace: "shop", uid: "c" },
    spec: { volumeName: "pv", resources: {} },
    status: { phase: "Bound" },
  });
  const nothing = (): Promise<void> => Promise.resolve();
  const machine = {
    files,
    mounts: { memory: nothing, isMounted: () => Promise.resolve(false) },
    cgroups: {
      ensure: nothing,
      remove: nothing,
      children: () => Promise.resolve([]),
      usage: () => Promise.resolve(undefined),
    },
    network: { http: () => Promise.reject(new Error("none")), tcp: nothing, grpcHealth: () => Promise.resolve("") },
  };
  const clock = new VirtualClock();
  const volumes = new PodVolumes({ machine, client: api, clock, random: machineRandom, rootFolder: "/kubelet" });
  const source = { persistentVolumeClaim: { claimName: "claim" } };
  const spec = { ...pod.spec, securityContext: { fsGroup: 7 }, volumes: [{ name: "v", ...source }] };
  const references = { configMap: () => Promise.resolve(undefined), secret: () => Promise.resolve(undefined) };
  const facts = { pod: { ...pod, spec }, podIps: [], hostIps: [], allocatable: {} };
  const groupOf = async (path: string): Promise<number | undefined> => (await files.facts(path))?.gid;
  await volumes.place({ facts, references });
  assert.deepEqual([await groupOf("/disk"), await groupOf("/disk/file")], [7, 7]);
  await files.chown("/disk/file", { uid: -1, gid: 8 });
  await volumes.place({ facts, references, again: true });
  assert.equal(await groupOf("/disk/file"), 8);
  await volumes.place({ facts, references });
  assert.equal(await groupOf("/disk/file"), 7);
  const shown = Array.from({ length: 257 }, (_, at) => ({ name: `v${at}`, configMap: { name: `c${at}` } }));
  const greedy = { ...facts, pod: { ...pod, spec: { ...pod.spec, volumes: shown } } };
  await assert.rejects(volumes.place({ facts: greedy, references }), {
    message: "expected volumes that show at most 256 config maps and secrets together, found 257",
  });
});

test("a host path is what it has to be, or is made where it may be", async () => {
  const files = new MemoryFiles({ "/file": "x" });
  await checkHostPath(files, { path: "/none", type: "" });
  await checkHostPath(files, { path: "/made", type: "DirectoryOrCreate" });
  assert.equal((await files.facts("/made"))?.kind, "directory");
  await assert.rejects(checkHostPath(files, { path: "/file", type: "Directory" }), {
    message: "hostPath type check failed: /file is not a directory",
  });
  await assert.rejects(checkHostPath(files, { path: "/none", type: "Socket" }), /is not a socket file$/);
});
