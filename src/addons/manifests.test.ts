/** The manifest deployer against an API server: what files bring, what goes with them, and what may stop whom. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { supervise } from "#base/component.ts";
import { silentLog as log } from "#base/log.ts";
import type { Client } from "#client/client.ts";
import { configMaps, type ConfigMap } from "#resources/core/config-map.ts";
import { namespaces } from "#resources/core/namespace.ts";
import { TestApiServer } from "#testing/api-server.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { manifestDeployer, type ManifestFile, type ManifestFolder } from "./manifests.ts";

/** A folder whose files are given. */
class Folder implements ManifestFolder {
  private given: readonly ManifestFile[] = [];
  private told = Promise.withResolvers<void>();
  looks = 0;
  /** Set when changes cannot be heard of. */
  deaf: Error | undefined;

  files(): Promise<readonly ManifestFile[]> {
    this.looks += 1;
    return Promise.resolve(this.given);
  }

  changed(signal: AbortSignal): Promise<void> {
    if (this.deaf) return Promise.reject(this.deaf);
    const { promise, reject } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => reject(new Error("no longer waited for")), { once: true });
    return Promise.race([this.told.promise, promise]);
  }

  put(files: Readonly<Record<string, string | { readonly problem: string } | { readonly skipped: true }>>): void {
    this.given = Object.entries(files).map(([name, content]) =>
      typeof content === "string" ? { name, hash: content, text: content } : { name, ...content },
    );
    this.told.resolve();
    this.told = Promise.withResolvers();
  }
}

interface Deployed {
  readonly clock: VirtualClock;
  readonly folder: Folder;
  readonly client: Client;
  /** Names of the ConfigMaps of "default". */
  readonly there: () => Promise<readonly string[]>;
}

async function deploy(t: TestContext): Promise<Deployed> {
  const clock = new VirtualClock();
  const server = new TestApiServer({ clock });
  const { signal } = server.ending;
  const client = server.api.directClient({ name: "test", groups: ["system:masters"] });
  for (const name of ["default", "kube-system"])
    await client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name }, spec: {}, status: {} });
  const all = () => [...server.api.server.registry.all()].map(({ definition }) => definition);
  const resources = {
    all,
    byKind: (apiVersion: string, kind: string) =>
      all().find((one) => one.apiVersion === apiVersion && one.kind === kind),
    onChange: () => undefined,
  };
  const folder = new Folder();
  const deployer = manifestDeployer({ folder, client, resources, clock, log, disabled: new Set() });
  const running = supervise(deployer, { clock, log }, signal);
  t.after(async () => {
    server.ending.abort(new Error("the test is over"));
    await running;
  });
  const there = async (): Promise<readonly string[]> =>
    (await client.list(configMaps, { namespace: "default" })).items.map(({ metadata }) => metadata.name ?? "");
  return { clock, folder, client, there };
}

const configMap = (name: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name}, namespace: default }\n`;
const both = (...names: readonly string[]): string => names.map(configMap).join("---\n");

async function uidOf({ client }: Deployed, name: string): Promise<string | undefined> {
  return (await client.get(configMaps, { namespace: "default", name })).metadata.uid;
}

test("what a file brought goes when it is not in the file any more, and with the file", async (t) => {
  const deployed = await deploy(t);
  const { folder, clock, there } = deployed;
  folder.put({ "one.yaml": both("a", "b") });
  await clock.advance(1_000);
  assert.deepEqual(await there(), ["a", "b"]);
  folder.put({ "one.yaml": configMap("b") });
  await clock.advance(1_000);
  assert.deepEqual(await there(), ["b"]);
  folder.put({});
  await clock.advance(1_000);
  assert.deepEqual(await there(), []);
});

test("a file that gets another name costs nothing of what it brought", async (t) => {
  const deployed = await deploy(t);
  const { folder, clock } = deployed;
  folder.put({ "one.yaml": both("a", "b") });
  await clock.advance(1_000);
  const before = await uidOf(deployed, "a");
  folder.put({ "two.yaml": both("a", "b") });
  await clock.advance(60_000);
  assert.equal(await uidOf(deployed, "a"), before);
});

test("an object that moves from one file to another stays what it is", async (t) => {
  const deployed = await deploy(t);
  const { folder, clock } = deployed;
  folder.put({ "one.yaml": both("a", "b"), "two.yaml": configMap("c") });
  await clock.advance(1_000);
  const before = await uidOf(deployed, "b");
  folder.put({ "one.yaml": configMap("a"), "two.yaml": both("b", "c") });
  await clock.advance(60_000);
  assert.equal(await uidOf(deployed, "b"), before);
});

test("what a file brought stays while the file cannot be read", async (t) => {
  const deployed = await deploy(t);
  const { folder, clock, there } = deployed;
  folder.put({ "one.yaml": configMap("a") });
  await clock.advance(1_000);
  folder.put({ "one.yaml": { problem: "it is a folder" }, "two.yaml": configMap("b") });
  await clock.advance(60_000);
  assert.deepEqual(await there(), ["a", "b"]);
});

test("what a file brought stays while the file is to be left alone, and the file is not applied", async (t) => {
  const deployed = await deploy(t);
  const { folder, clock, there } = deployed;
  folder.put({ "one.yaml": configMap("a") });
  await clock.advance(1_000);
  folder.put({ "one.yaml": { skipped: true }, "new.yaml": { skipped: true } });
  await clock.advance(60_000);
  assert.deepEqual(await there(), ["a"]);
});

function record(name: string, data: Readonly<Record<string, string>>): ConfigMap {
  const metadata = { namespace: "kube-system", name, labels: { "kedge.io/manifest": "true" } };
  return { apiVersion: "v1", kind: "ConfigMap", metadata, data };
}

test("who may write ConfigMaps of kube-system deletes nothing of others by a record of their own", async (t) => {
  const deployed = await deploy(t);
  const { folder, clock, client, there } = deployed;
  const victim = { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace: "default", name: "victim" } };
  await client.create(configMaps, victim);
  const objects = JSON.stringify([{ apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "victim" }]);
  await client.create(configMaps, record("forged", { file: "forged.yaml", hash: "x", objects }));
  folder.put({});
  await clock.advance(60_000);
  assert.deepEqual(await there(), ["victim"]);
});

test("a record that cannot be read stops no file", async (t) => {
  const deployed = await deploy(t);
  const { folder, clock, client, there } = deployed;
  await client.create(configMaps, record("broken", { file: "broken.yaml", hash: "x", objects: "{" }));
  await client.create(configMaps, record("odd", { file: "odd.yaml", hash: "x", objects: '[null, {"kind": 1}]' }));
  folder.put({ "one.yaml": configMap("a") });
  await clock.advance(60_000);
  assert.deepEqual(await there(), ["a"]);
});

test("a folder whose changes cannot be heard of is looked at now and then, and not without a pause", async (t) => {
  const deployed = await deploy(t);
  const { folder, clock, there } = deployed;
  folder.deaf = new Error("ENOSPC: no watches are left");
  folder.put({});
  await clock.advance(1_000);
  const before = folder.looks;
  folder.put({ "one.yaml": configMap("a") });
  await clock.advance(60_000);
  assert.deepEqual(await there(), ["a"]);
  assert(folder.looks - before <= 5, `looked ${folder.looks - before} times in a minute`);
});

test("being told to end while the files are read leaves no failure that nobody catches", async (t) => {
  const clock = new VirtualClock();
  const server = new TestApiServer({ clock });
  t.after(() => server.ending.abort(new Error("the test is over")));
  const client = server.api.directClient({ name: "test", groups: ["system:masters"] });
  const ending = new AbortController();
  class EndedMeanwhile extends Folder {
    override async files(): Promise<readonly ManifestFile[]> {
      ending.abort(new Error("told to end"));
      // All that was waiting for the end hears of it before the files are there.
      await new Promise((resolve) => setImmediate(resolve));
      return super.files();
    }
  }
  const resources = { all: () => [], byKind: () => undefined, onChange: () => undefined };
  const folder = new EndedMeanwhile();
  const deployer = manifestDeployer({ folder, client, resources, clock, log, disabled: new Set() });
  // A rejection that nobody catches fails the test.
  await deployer.run(ending.signal).catch(() => undefined);
  await new Promise((resolve) => setImmediate(resolve));
});
