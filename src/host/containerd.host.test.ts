/** containerd from the bundle, a pod in it, and what happens when either side is killed. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { machineClock } from "#base/clock.ts";
import { supervise } from "#base/component.ts";
import { silentLog } from "#base/log.ts";
import { textOf, utf8 } from "#base/bytes.ts";
import { must } from "#base/assert.ts";
import { bridgeName, writePodNetwork } from "./cni.ts";
import { Cgroups, detectCgroups } from "./cgroups.ts";
import { Containerd, containerdsOf } from "./containerd.ts";
import { importImages } from "./image-archive.ts";
import { Links } from "./links.ts";
import { stopContainers } from "./killall.ts";
import type { ContainerEvent, PodSandboxConfig } from "./cri.ts";
import { listMounts } from "./mounts.ts";
import { Nftables } from "./nftables.ts";
import { commandLineOf, run } from "./processes.ts";
import { locateBundle, pauseImageName, type RuntimeBundle } from "./runtime-bundle.ts";

const root = join(import.meta.dirname, "../..");
const never = new AbortController().signal;

const data = mkdtempSync("/tmp/kedge-host-test-");
let started: { readonly containerd: Containerd; readonly stop: () => Promise<void> };
const bundle = (): RuntimeBundle => must(locateBundle(root), "the bundle is built before the tests");

function start(): typeof started {
  const containerd = new Containerd({ bundle: bundle(), dataFolder: data, clock: machineClock, log: silentLog });
  const life = new AbortController();
  const done = supervise(containerd, { clock: machineClock, log: silentLog }, life.signal);
  return {
    containerd,
    stop: () => {
      life.abort(new Error("the test stops kedge"));
      return done;
    },
  };
}

const sandboxConfig: PodSandboxConfig = {
  metadata: { name: "web", namespace: "default", uid: "0001", attempt: 0 },
  hostname: "web",
  logDirectory: join(data, "logs"),
  linux: { cgroupParent: "/kedge-host-test/pod0001" },
  labels: { app: "web" },
};

before(async () => {
  await run("sh", [join(root, "tools/node.sh"), join(root, "tools/runtime/build.ts")], { timeoutMs: 900_000 });
  await run("sh", [join(root, "examples/images/build"), "busybox"], { timeoutMs: 900_000 });
  started = start();
  const { folders } = started.containerd;
  writePodNetwork(folders, { podCidrs: ["10.213.7.0/24"] });
  await started.containerd.ready(never);
  await importImages(
    join(root, "examples/images/out/busybox.tar"),
    { bundle: bundle(), socket: folders.socket },
    never,
  );
  mkdirSync(join(data, "logs"));
});

after(async () => {
  await started.stop();
  await stopContainers(data, { clock: machineClock, signal: never, bundle: bundle() });
  await new Cgroups(detectCgroups()).remove("/kedge-host-test");
  await new Links(bundle().ip).remove(bridgeName(started.containerd.folders));
  rmSync(data, { recursive: true });
});

async function runContainer(podSandboxId: string, script: string): Promise<string> {
  const { runtime } = started.containerd;
  const containerId = await runtime.createContainer(
    {
      podSandboxId,
      sandboxConfig,
      config: {
        metadata: { name: "main", attempt: 0 },
        image: { image: "kedge.local/busybox:1" },
        command: ["sh", "-c", script],
        envs: [{ key: "GREETING", value: utf8("hello") }],
        logPath: "main.log",
        linux: { resources: { memoryLimitInBytes: 64 * 1024 * 1024, cpuShares: 100 }, securityContext: {} },
      },
    },
    never,
  );
  await runtime.startContainer(containerId, never);
  return containerId;
}

let sandboxId = "";
let containerId = "";

test("a pod gets an address, runs, writes its log and answers a command", async () => {
  const { runtime } = started.containerd;
  const listening = new AbortController();
  const seen: ContainerEvent[] = [];
  const running = Promise.withResolvers<void>();
  const listen = (async () => {
    for await (const event of runtime.events(listening.signal)) {
      seen.push(event);
      const started = event.containerEventType === "CONTAINER_STARTED_EVENT";
      if (started && event.containerId !== event.podSandboxStatus?.id) running.resolve();
    }
  })().catch((error: unknown) => error);

  sandboxId = await runtime.runPodSandbox({ config: sandboxConfig }, never);
  const sandbox = must(await runtime.podSandboxStatus(sandboxId, never), "the sandbox was made");
  assert.equal(sandbox.status.state, "SANDBOX_READY");
  assert.match(must(sandbox.status.network, "the sandbox has a network").ip, /^10\.213\.7\.\d+$/);
  containerId = await runContainer(sandboxId, "echo $GREETING; sleep 1000");

  const done = await runtime.execSync(
    { containerId, cmd: ["sh", "-c", "hostname; echo bad >&2; exit 3"], timeoutSeconds: 5 },
    never,
  );
  assert.deepEqual([textOf(done.stdout), textOf(done.stderr), done.exitCode], ["web\n", "bad\n", 3]);
  await assert.rejects(runtime.execSync({ containerId, cmd: ["sleep", "9"], timeoutSeconds: 1 }, never), {
    code: "DeadlineExceeded",
  });

  const status = must(await runtime.containerStatus(containerId, never), "the container was made");
  assert.equal(status.state, "CONTAINER_RUNNING");
  assert.match(readFileSync(status.logPath, "utf8"), / stdout F hello\n/);
  assert.equal((await runtime.listContainers({ labelSelector: {} }, never)).length, 1);
  const stats = must(await runtime.containerStats(containerId, never), "a running container has statistics");
  assert.ok(must(stats.memory?.workingSetBytes, "memory is measured").value > 0);
  assert.match(
    await runtime.execUrl({ containerId, cmd: ["sh"], stdin: true, stdout: true, stderr: false, tty: true }, never),
    /^http:\/\/127/,
  );

  await running.promise;
  assert.ok(seen.some((event) => event.containerId === sandboxId));
  assert.equal(seen.at(-1)?.podSandboxStatus?.metadata.name, "web");
  listening.abort(new Error("enough"));
  assert.equal(String(await listen), "Error: enough");
});

test("what does not exist is absent or refused with NotFound", async () => {
  const { runtime } = started.containerd;
  assert.equal(await runtime.containerStatus("none", never), undefined);
  assert.equal(await runtime.podSandboxStatus("none", never), undefined);
  assert.equal(await runtime.imageStatus({ image: "kedge.local/none:1" }, never), undefined);
  await runtime.removeContainer("none", never);
  await runtime.stopPodSandbox("none", never);
  await assert.rejects(runtime.startContainer("none", never), { name: "RuntimeError", code: "NotFound" });
});

async function startedAt(): Promise<number> {
  const status = must(await started.containerd.runtime.containerStatus(containerId, never), "the container is known");
  assert.equal(status.state, "CONTAINER_RUNNING");
  return status.startedAt;
}

function containerdPid(): number {
  const [found, ...more] = containerdsOf(started.containerd.folders);
  assert.deepEqual(more, []);
  return must(found, "containerd runs").id.pid;
}

test("a kedge that starts takes over the containerd that runs", async () => {
  const [pid, at] = [containerdPid(), await startedAt()];
  await started.stop();
  assert.equal(containerdPid(), pid);
  started = start();
  await started.containerd.ready(never);
  assert.deepEqual([containerdPid(), await startedAt()], [pid, at]);
});

test("strangers whose arguments name containerd's files are neither taken for it nor killed", async () => {
  const pid = containerdPid();
  await started.stop();
  const config = must(containerdsOf(started.containerd.folders)[0], "containerd goes on").args[2] ?? "";
  const pretend = { argv0: "containerd", stdio: "ignore" as const };
  const stranger = spawn("/bin/sh", ["--config", config], { ...pretend, uid: 65_534, gid: 65_534 });
  assert.deepEqual(
    containerdsOf(started.containerd.folders).map(({ id }) => id.pid),
    [pid],
  );
  stranger.kill("SIGKILL");
  started = start();
  await started.containerd.ready(never);
  assert.equal(containerdPid(), pid);
});

test("no sandbox is made, and no registry asked for its image, before the image of the bundle is there", async () => {
  await started.stop();
  const { runtime, folders } = started.containerd;
  const ctr = ["-a", folders.socket, "-n", "k8s.io", "images", "rm", "--sync", pauseImageName];
  await run(bundle().ctr, ctr, { timeoutMs: 60_000 });
  // containerd itself runs, as it does in a start that has not come to its images yet.
  const asked = runtime.runPodSandbox({ config: sandboxConfig, runtimeHandler: "" }, never);
  await assert.rejects(asked, { name: "RuntimeError", code: "Unavailable" });
  started = start();
  await started.containerd.ready(never);
  assert.ok(await started.containerd.runtime.imageStatus({ image: pauseImageName }, never));
});

test("a killed containerd comes back, and its pods never went", async () => {
  const [pid, at] = [containerdPid(), await startedAt()];
  const gone = started.containerd.gone(never);
  process.kill(pid, "SIGKILL");
  await gone;
  await started.containerd.ready(never);
  assert.notEqual(containerdPid(), pid);
  assert.equal(await startedAt(), at);
});

test("stopping and removing gives everything back", async () => {
  const { runtime } = started.containerd;
  await runtime.stopContainer({ containerId, timeoutSeconds: 0 }, never);
  const status = must(await runtime.containerStatus(containerId, never), "a stopped container is kept");
  assert.deepEqual([status.state, status.exitCode, status.reason], ["CONTAINER_EXITED", 137, "Error"]);
  await runtime.removeContainer(containerId, never);
  await runtime.stopPodSandbox(sandboxId, never);
  await runtime.removePodSandbox(sandboxId, never);
  assert.deepEqual(await runtime.listPodSandboxes({}, never), []);
});

test("what is killed all at once leaves no process, mount, host port, or note", async () => {
  const folders = started.containerd.folders;
  const nftables = new Nftables(bundle().nft);
  const config: PodSandboxConfig = {
    ...sandboxConfig,
    metadata: { ...sandboxConfig.metadata, name: "ported" },
    portMappings: [{ protocol: "TCP", containerPort: 80, hostPort: 54_781 }],
  };
  const portedId = await started.containerd.runtime.runPodSandbox({ config }, never);
  const ports = async (): Promise<boolean> =>
    JSON.stringify((await nftables.table({ family: "ip", name: "cni_hostport" })) ?? []).includes(portedId);
  assert.equal(await ports(), true);
  await started.stop();
  // Root looks at a file of kedge's: nothing ends the editor.
  const editor = spawn("sleep", ["600"], { argv0: join(folders.run, "config-0.toml"), stdio: "ignore" });
  await stopContainers(data, { clock: machineClock, signal: never, bundle: bundle() });
  assert.equal(await ports(), false);
  const naming = readdirSync("/proc").filter((pid) =>
    commandLineOf(Number(pid)).some((arg) => arg.startsWith(dirname(folders.run))),
  );
  assert.deepEqual(naming, [String(editor.pid)]);
  editor.kill("SIGKILL");
  assert.deepEqual(await listMounts(dirname(folders.run)), []);
  assert.deepEqual(
    readdirSync("/var/lib/cni/results").filter((name) => name.startsWith(bridgeName(folders))),
    [],
  );
  assert.equal(existsSync(folders.run), false);
});
