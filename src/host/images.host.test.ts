/** Image archives of every form dropped into a folder, among them broken ones; then what is in the example images. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  createWriteStream,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { must } from "#base/assert.ts";
import { textOf } from "#base/bytes.ts";
import { machineClock } from "#base/clock.ts";
import { supervise } from "#base/component.ts";
import { createLog, silentLog } from "#base/log.ts";
import { writeTar } from "#wire/tar.ts";
import { bridgeName, writePodNetwork } from "./cni.ts";
import { Cgroups, detectCgroups } from "./cgroups.ts";
import { Containerd } from "./containerd.ts";
import { ImageFolder } from "./images.ts";
import { Links } from "./links.ts";
import { stopContainers } from "./killall.ts";
import { run } from "./processes.ts";
import { locateBundle, type RuntimeBundle } from "./runtime-bundle.ts";

const root = join(import.meta.dirname, "../..");
const examples = join(root, "examples/images/out");
const never = new AbortController().signal;
const life = new AbortController();
const data = mkdtempSync("/tmp/kedge-images-test-");
const folder = join(data, "agent/images");
const lines: string[] = [];
let lineAdded = Promise.withResolvers<void>();
const parts: Promise<void>[] = [];
let containerd: Containerd;

/** Resolves with the first line of the log that matches. */
async function logged(pattern: RegExp): Promise<string> {
  for (;;) {
    const found = lines.find((line) => pattern.test(line));
    if (found !== undefined) return found;
    await lineAdded.promise;
  }
}

before(async () => {
  await run("sh", [join(root, "tools/node.sh"), join(root, "tools/runtime/build.ts")]);
  await run("sh", [join(root, "examples/images/build")]);
  const bundle: RuntimeBundle = must(locateBundle(root), "the bundle was built above");
  const log = createLog({
    clock: machineClock,
    level: "info",
    write: (line) => {
      lines.push(line);
      lineAdded.resolve();
      lineAdded = Promise.withResolvers();
    },
  });
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(examples, "redis.tar"), join(folder, "redis.tar"));
  writeFileSync(join(folder, "a-broken.tar"), "this is no tar archive");
  containerd = new Containerd({ bundle, dataFolder: data, clock: machineClock, log: silentLog });
  parts.push(supervise(containerd, { clock: machineClock, log: silentLog }, life.signal));
  const { runtime, folders } = containerd;
  writePodNetwork(folders, { podCidrs: ["10.213.8.0/24"] });
  const started = containerd;
  const images = new ImageFolder({
    bundle,
    folder,
    memory: join(folders.root, "imported.json"),
    socket: folders.socket,
    runtime,
    ready: (signal) => started.ready(signal),
    clock: machineClock,
    log,
  });
  parts.push(supervise(images, { clock: machineClock, log }, life.signal));
});

after(async () => {
  life.abort(new Error("the test is over"));
  await Promise.all(parts);
  await stopContainers(data, {
    clock: machineClock,
    signal: never,
    bundle: must(locateBundle(root), "the bundle was built"),
  });
  await new Cgroups(detectCgroups()).remove("/kedge-images-test");
  await new Links(must(locateBundle(root), "the bundle was built").ip).remove(bridgeName(containerd.folders));
  rmSync(data, { recursive: true });
});

test("a broken archive is one sentence, and the next one is imported and pinned", async () => {
  await logged(/imported.*redis/);
  const image = must(
    await containerd.runtime.imageStatus({ image: "kedge.local/redis:1" }, never),
    "redis was imported",
  );
  assert.deepEqual([image.pinned, image.uid], [true, { value: 999 }]);
  assert.match(
    await logged(/could not be imported.*a-broken/),
    /expected an image archive \(OCI layout or docker save\), found one that cannot be read/,
  );
});

test("the layers of an image that counts as imported are on the disk", async () => {
  await logged(/imported.*redis/);
  const layers = join(containerd.folders.root, "io.containerd.snapshotter.v1.overlayfs/snapshots");
  // Says of each stretch of a file where it lies; a file system that gives out room late calls it "delalloc" until then.
  const told = await run("find", [layers, "-type", "f", "-size", "+0", "-exec", "filefrag", "-v", "{}", "+"]);
  assert.match(told, /extents? found/);
  const late = told.split("\n").filter((line) => line.includes("delalloc"));
  assert.deepEqual(late, []);
});

test("archives that arrive later are imported: Docker's form with gzip, an OCI layout with zstd, and one that was cut short once", async () => {
  const program = readFileSync(join(examples, "busybox.tar"));
  const docker = join(data, "docker.tar");
  await writeDockerArchive(docker, "tools/tiny-with-a-name-that-is-longer-than-others:2");
  writeFileSync(join(folder, "docker.tar.gz"), gzipSync(readFileSync(docker)));
  await logged(/imported.*docker\.tar\.gz.*docker\.io\/tools\/tiny-with-a-name-that-is-longer-than-others:2/);

  writeFileSync(join(data, "busybox"), zstdCompressSync(program));
  truncateSync(join(data, "busybox"), 100_000);
  renameSync(join(data, "busybox"), join(folder, "busybox.tar.zst"));
  await logged(/could not be imported.*busybox\.tar\.zst/);
  writeFileSync(join(folder, "busybox.tar.zst"), zstdCompressSync(program));
  await logged(/imported.*busybox\.tar\.zst.*kedge\.local\/busybox:1/);
});

async function writeDockerArchive(path: string, name: string): Promise<void> {
  const layerPath = join(data, "layer.tar");
  await writeTar(
    [{ name: "hello", type: "file", mode: 0o644, content: Buffer.from("hello") }],
    createWriteStream(layerPath),
  );
  const layer = readFileSync(layerPath);
  const config = Buffer.from(
    JSON.stringify({
      architecture: "amd64",
      os: "linux",
      config: {},
      rootfs: { type: "layers", diff_ids: [`sha256:${createHash("sha256").update(layer).digest("hex")}`] },
    }),
  );
  const manifest = Buffer.from(JSON.stringify([{ Config: "config.json", RepoTags: [name], Layers: ["layer.tar"] }]));
  const file = (entry: string, content: Uint8Array) => ({ name: entry, type: "file" as const, mode: 0o644, content });
  await writeTar(
    [file("config.json", config), file("layer.tar", layer), file("manifest.json", manifest)],
    createWriteStream(path),
  );
}

/** Runs a command in a pod of an example image, as the image's own user. */
async function inImage(
  name: string,
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { runtime } = containerd;
  copyFileSync(join(examples, `${name}.tar`), join(folder, `${name}.tar`));
  await logged(new RegExp(`imported.*${name}\\.tar.*kedge\\.local/${name}:1`));
  const sandboxConfig = {
    metadata: { name, namespace: "default", uid: name, attempt: 0 },
    hostname: name,
    dnsConfig: { servers: ["127.0.0.1"] },
  };
  const podSandboxId = await runtime.runPodSandbox({ config: sandboxConfig }, never);
  const containerId = await runtime.createContainer(
    {
      podSandboxId,
      sandboxConfig,
      config: {
        metadata: { name, attempt: 0 },
        image: { image: `kedge.local/${name}:1` },
        command: ["sleep", "1000"],
        envs: Object.entries(env).map(([key, value]) => ({ key, value: Buffer.from(value) })),
      },
    },
    never,
  );
  await runtime.startContainer(containerId, never);
  const done = await runtime.execSync({ containerId, cmd: command, timeoutSeconds: 60 }, never);
  assert.equal(done.exitCode, 0, `${textOf(done.stdout)}${textOf(done.stderr)}`);
  await runtime.removePodSandbox(podSandboxId, never);
  return textOf(done.stdout);
}

test("redis answers", async () => {
  const script =
    "redis-server --port 0 --unixsocket /tmp/r --daemonize yes >/dev/null; until redis-cli -s /tmp/r ping 2>/dev/null; do :; done; id -u";
  assert.match(await inImage("redis", ["sh", "-c", script]), /PONG\n999\n$/);
});

test("postgres makes its database as an ordinary user, and finds it again", async () => {
  const script = `
    set -e
    for round in 1 2; do
      start-postgres -p 54713 >/tmp/log 2>&1 & pid=$!
      until pg_isready -q -p 54713; do kill -0 $pid || { cat /tmp/log; exit 1; }; done
      PGPASSWORD=secret psql -qtA -h 127.0.0.1 -p 54713 -U postgres -d app -c "create table if not exists t (n int); insert into t values ($round); select count(*) from t"
      kill -INT $pid; wait $pid
    done; id -u`;
  const env = { POSTGRES_PASSWORD: "secret", POSTGRES_DB: "app" };
  assert.equal(await inImage("postgres", ["sh", "-c", script], env), "1\n2\n999\n");
});

test("the front end serves, and says that it is not ready without its databases", async () => {
  const script = `
    python3 /app/guestbook.py >/tmp/log 2>&1 &
    until wget -qO- http://127.0.0.1:8080/healthz 2>/dev/null; do kill -0 $! || { cat /tmp/log; exit 1; }; done
    wget -S -O- http://127.0.0.1:8080/readyz 2>&1 | grep -o "503" | head -n 1`;
  assert.equal(await inImage("web", ["sh", "-c", script], { REDIS_HOST: "127.0.0.1" }), "ok\n503\n");
});

test("the toolbox has its tools", async () => {
  const script =
    "curl --version | head -n 1; dig -v; nc -h 2>&1 | head -n 1; ip -V; ping -V; iperf3 -v | head -n 1; ps --version; redis-cli -v; tar --help 2>&1 | head -n 1";
  const said = await inImage("toolbox", ["bash", "-c", `${script} 2>&1`]);
  for (const tool of [
    "curl",
    "DiG",
    "OpenBSD netcat",
    "iproute2",
    "iputils",
    "iperf",
    "procps",
    "redis-cli",
    "BusyBox",
  ])
    assert.match(said, new RegExp(tool));
});
