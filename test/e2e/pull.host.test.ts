/** Images from registries: pulled when they are not there, with a password where one is needed, and refused clearly. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { before, test } from "node:test";
import { installRoot } from "../../src/distro/places.ts";
import { command, newPlace, Server } from "./kedge.ts";
import { startRegistry } from "./registry.ts";

const archive = join(installRoot, "examples/images/out/busybox.tar");
let server: Server;

before(async () => {
  assert.equal((await command("sh", [join(installRoot, "examples/images/build"), "busybox"])).code, 0);
  server = await Server.start(await newPlace(["10.86.0.0/16", "10.87.0.0/16"]));
});

function pod(name: string, image: string, policy = "IfNotPresent"): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      terminationGracePeriodSeconds: 0,
      imagePullSecrets: [{ name: "registry" }],
      containers: [{ name: "c", image, imagePullPolicy: policy, command: ["sleep", "1000"] }],
    },
  });
}

const isRunning = (name: string): Promise<string> =>
  server.kubectl("wait", "--for=condition=Ready", `pod/${name}`, "--timeout=60s");

const waits = (name: string, reason: string): Promise<string> =>
  server.kubectl(
    "wait",
    `--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=${reason}`,
    `pod/${name}`,
    "--timeout=60s",
  );

test("an image that is not there is pulled, once", async () => {
  using registry = await startRegistry({ archive, image: "busybox:1" });
  const image = `${registry.host}/busybox:1`;
  await server.apply(pod("first", image));
  await isRunning("first");
  const pulls = registry.pulls;
  assert.ok(pulls >= 1);
  await server.apply(pod("second", image));
  await isRunning("second");
  assert.equal(registry.pulls, pulls);
  assert.match(await server.kubectl("describe", "pod", "first"), /Successfully pulled image/);
});

test("the layers of an image that was pulled are on the disk", async () => {
  const layers = join(server.place.dataDir, "agent/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots");
  // Says of each stretch of a file where it lies; a file system that gives out room late calls it "delalloc" until then.
  const look = ["-type", "f", "-size", "+100k", "-exec", "filefrag", "-v", "{}", "+"];
  const { stdout } = await command("find", [layers, ...look]);
  assert.match(stdout, /extents? found/);
  assert.doesNotMatch(stdout, /delalloc/);
});

test("a tag that does not exist is said, and tried again with growing pauses", async () => {
  using registry = await startRegistry({ archive, image: "busybox:1" });
  await server.apply(pod("wrong", `${registry.host}/busybox:2`));
  await waits("wrong", "ImagePullBackOff");
  assert.match(await server.kubectl("describe", "pod", "wrong"), /busybox:2.*not found/);
});

test("a registry with a password gives images to pods whose secret holds it", async () => {
  using registry = await startRegistry({ archive, image: "busybox:1", user: "ada", password: "engine" });
  const image = `${registry.host}/busybox:1`;
  await server.apply(pod("stranger", image));
  await waits("stranger", "ImagePullBackOff");
  const account = ["--docker-username=ada", "--docker-password=engine"];
  await server.kubectl(
    "create",
    "secret",
    "docker-registry",
    "registry",
    `--docker-server=${registry.host}`,
    ...account,
  );
  await server.apply(pod("friend", image));
  await isRunning("friend");
});
