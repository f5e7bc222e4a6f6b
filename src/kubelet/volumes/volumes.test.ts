/** Volumes over files in memory: what they hold, how they change, and that nothing leads out of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "#resources/core/pod.ts";
import type { Volume } from "#resources/core/volume.ts";
import { MemoryFiles } from "#testing/memory-files.ts";
import { writeAtomically, type AtomicFolder } from "./atomic-write.ts";
import { checkHostPath } from "./host-path.ts";
import { giveToGroup } from "./ownership.ts";
import { payloadOf, type Payload } from "./payload.ts";
import { subPathOf } from "./sub-path.ts";

const text = async (files: MemoryFiles, path: string): Promise<string | undefined> => {
  const bytes = await files.read(path);
  return bytes && Buffer.from(bytes).toString();
};

const payload = (table: Readonly<Record<string, string>>): Payload =>
  new Map(Object.entries(table).map(([name, content]) => [name, { content: Buffer.from(content), mode: 0o644 }]));

const folderAt = (files: MemoryFiles, generation: string): AtomicFolder => ({
  files,
  path: "/v",
  generation,
  prepare: () => Promise.resolve(),
});

test("files of a volume change together, and what is no longer shown goes", async () => {
  const files = new MemoryFiles();
  await writeAtomically(folderAt(files, "one"), payload({ a: "1", "dir/b": "2" }));
  assert.deepEqual([await text(files, "/v/a"), await text(files, "/v/dir/b")], ["1", "2"]);
  await writeAtomically(folderAt(files, "two"), payload({ a: "3", c: "4" }));
  assert.deepEqual(
    [await text(files, "/v/a"), await text(files, "/v/c"), await text(files, "/v/dir/b")],
    ["3", "4", undefined],
  );
  assert.deepEqual(await files.list("/v"), ["..data", "..two", "a", "c"]);
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
  await files.symlink("/etc", "/v/out");
  await files.symlink("dir", "/v/in");
  assert.equal(await subPathOf(files, "/v", "dir/file"), "/v/dir/file");
  assert.equal(await subPathOf(files, "/v", "in/file"), "/v/dir/file");
  assert.equal(await subPathOf(files, "/v", "made/here"), "/v/made/here");
  await assert.rejects(subPathOf(files, "/v", "../etc"), /must stay within its volume/);
  await assert.rejects(subPathOf(files, "/v", "/etc"), /must stay within its volume/);
  await assert.rejects(subPathOf(files, "/v", "out/passwd"), {
    message: 'subPath "out/passwd" leads out of its volume to "/etc"',
  });
});

test("a volume's group may read and write it, and new files become the group's", async () => {
  const files = new MemoryFiles({ "/v/file": "x" });
  await files.chmod("/v/file", 0o400);
  await giveToGroup("/v", { files, gid: 2000, readOnly: false });
  const [folder, file] = [await files.facts("/v"), await files.facts("/v/file")];
  assert.deepEqual([folder?.gid, folder?.mode, file?.gid, file?.mode], [2000, 0o2775, 2000, 0o660]);
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
