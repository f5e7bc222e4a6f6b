/** Names of images, and whose credentials are for which registry. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { machineClock } from "#base/clock.ts";
import type { Secret } from "#resources/core/secret.ts";
import { FakeRuntime } from "#testing/fake-runtime.ts";
import { longestUnusedFirst } from "./image-gc.ts";
import { credentialsFor, Images, normalName } from "./images.ts";

const digest = `sha256:${"a".repeat(64)}`;

test("an image's name gets the tag it means, or is refused", () => {
  const cases = {
    busybox: "busybox:latest",
    "busybox:1": "busybox:1",
    "localhost:5000/a/b": "localhost:5000/a/b:latest",
    [`r.example.com/a@${digest}`]: `r.example.com/a@${digest}`,
    Busybox: undefined,
    "a b": undefined,
    "a:": undefined,
    "": undefined,
  };
  for (const [name, expected] of Object.entries(cases)) assert.equal(normalName(name), expected, name);
});

function secretOf(auths: object): Secret {
  const text = Buffer.from(JSON.stringify({ auths })).toString("base64");
  return { apiVersion: "v1", kind: "Secret", metadata: {}, data: { ".dockerconfigjson": text } };
}

test("the most specific credentials for a registry come first", () => {
  const auth = Buffer.from("user:pass:word").toString("base64");
  const secrets = [
    secretOf({
      "r.example.com": { username: "wide" },
      "r.example.com/team": { auth },
      "other.example.com": { username: "no" },
    }),
    secretOf({ "*.example.com": { username: "star" }, "https://index.docker.io/v1/": { username: "hub" } }),
    { ...secretOf({}), data: { ".dockerconfigjson": "bm90IGpzb24=" } },
  ];
  const users = (image: string): (string | undefined)[] => credentialsFor(image, secrets).map((one) => one.username);
  assert.deepEqual(users("r.example.com/team/app:1"), ["user", "wide", "star"]);
  assert.equal(credentialsFor("r.example.com/team/app:1", secrets)[0]?.password, "pass:word");
  assert.deepEqual(users("busybox:1"), ["hub"]);
  assert.deepEqual(users("example.org/app:1"), []);
});

test("the longest unused images go first", () => {
  const image = (id: string): Parameters<typeof longestUnusedFirst>[0][number]["image"] => ({
    id,
    size: 10,
    repoTags: [],
    repoDigests: [],
    username: "",
    pinned: false,
  });
  const unused = [
    { image: image("new"), usedAtMs: 3 },
    { image: image("old"), usedAtMs: 1 },
    { image: image("middle"), usedAtMs: 2 },
  ];
  assert.deepEqual(
    longestUnusedFirst(unused).map(({ id }) => id),
    ["old", "middle", "new"],
  );
});

test("a registry that never answers holds up its own namespace, and no other", { timeout: 10_000 }, async () => {
  const runtime = new FakeRuntime({ clock: machineClock, images: [] });
  const pulled: string[] = [];
  runtime.pullImage = ({ image }) => {
    pulled.push(image.image);
    if (image.image.startsWith("tar.pit/")) return Promise.withResolvers<string>().promise;
    runtime.imageNames.add(image.image);
    return Promise.resolve(image.image);
  };
  const images = new Images(runtime, machineClock);
  const ending = new AbortController();
  const ensure = (namespace: string, image: string): Promise<unknown> => {
    const request = { image, policy: undefined, secrets: [], sandboxConfig: undefined, podUid: image, namespace };
    return images.ensure({ ...request, tell: () => undefined }, ending.signal);
  };
  void ensure("one", "tar.pit/a:1");
  const behind = ensure("one", "good/a:1");
  await ensure("two", "good/b:1");
  assert.deepEqual(pulled, ["tar.pit/a:1", "good/b:1"]);
  ending.abort(new Error("the test is over"));
  await assert.rejects(behind);
});
