/**
 * Pods without any right that try to reach the machine through their volumes, on the real containerd, and that what
 * volumes are for still works. Named after the faults of their kind that others had.
 */
import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";
import { after, before, test } from "node:test";
import { Worker } from "node:worker_threads";
import { must } from "#base/assert.ts";
import { machineClock } from "#base/clock.ts";
import { listMounts } from "#host/mounts.ts";
import { run } from "#host/processes.ts";
import { openFolder } from "#host/safe-folder.ts";
import { configMaps, type ConfigMap } from "#resources/core/config-map.ts";
import type { Pod } from "#resources/core/pod.ts";
import { busybox, RealKubelet, unprivileged } from "#testing/real-kubelet.ts";
import { mountSubPath } from "./volumes/sub-path.ts";

const settings: ConfigMap = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "settings", namespace: "default" },
  data: { greeting: "hello" },
};
const machine = new RealKubelet("hostile", "10.213.24.0/24");
const secretFolder = join(machine.folder, "secret");
const secret = "what only the machine may know";

before(async () => {
  mkdirSync(secretFolder);
  writeFileSync(join(secretFolder, "message"), secret, { mode: 0o600 });
  await machine.start();
  await machine.api.create(configMaps, settings);
});
after(() => machine.stop());

const work = { name: "work", mountPath: "/work" };
const emptyDir = { name: "work", emptyDir: {} };
const ended = (status: Pod["status"]): boolean => status?.phase === "Succeeded" || status?.phase === "Failed";
const isRunning = (status: Pod["status"]): boolean => status?.containerStatuses?.[0]?.state?.running !== undefined;

test("last words come from kedge's own file, wherever a mount at the same path leads by then", async () => {
  const first = unprivileged("mkdir /work/d && touch /work/d/message", { name: "first", volumeMounts: [work] });
  const swap = `mv /work/d /work/old && ln -s ${secretFolder} /work/d && echo swapped`;
  await machine.create("words", {
    restartPolicy: "Never",
    volumes: [emptyDir],
    initContainers: [first],
    containers: [
      unprivileged(swap, {
        volumeMounts: [work, { name: "work", mountPath: "/out", subPath: "d/message" }],
        terminationMessagePath: "/out",
      }),
    ],
  });
  const status = await machine.until("words", ended);
  assert.match(machine.log("words"), /swapped/);
  assert.equal(JSON.stringify(status).includes(secret), false);
  await machine.remove("words");
});

test("a sub-path through a link is refused, and its refusal tells nothing of the machine (CVE-2017-1002101)", async () => {
  const link = unprivileged(`ln -s ${secretFolder} /work/d && ln -s ${secretFolder}/message /work/f`, {
    name: "first",
    volumeMounts: [work],
  });
  for (const subPath of ["d", "f", "d/message"]) {
    await machine.create("link", {
      restartPolicy: "Never",
      volumes: [emptyDir],
      initContainers: [link],
      containers: [unprivileged("cat /part /part/*", { volumeMounts: [{ ...work, mountPath: "/part", subPath }] })],
    });
    const waiting = (status: Pod["status"]): string => status?.containerStatuses?.[0]?.state?.waiting?.message ?? "";
    const status = await machine.until("link", (one) => waiting(one) !== "");
    const why = `failed to prepare subPath for volumeMount "work" of container "main": subPath "${subPath}" leads out of its volume`;
    assert.deepEqual(
      [waiting(status), status?.containerStatuses?.[0]?.state?.waiting?.reason],
      [why, "CreateContainerConfigError"],
    );
    await machine.remove("link");
  }
});

test("who swaps folders for links while they are mounted never gets the machine's (CVE-2021-25741)", async () => {
  const path = mkdtempSync(join(machine.folder, "race-"));
  for (const name of ["volume/d", "pod"]) mkdirSync(join(path, name), { recursive: true });
  writeFileSync(join(path, "volume/d/inside"), "");
  symlinkSync(secretFolder, join(path, "volume/link"));
  // Exchanges a folder and a link as fast as it can, for a bounded number of times.
  const racer = new Worker(
    `const { renameSync, rmdirSync } = require("node:fs"), at = ${JSON.stringify(join(path, "volume/"))};
     for (let i = 0; i < 100_000; i++) {
       renameSync(at + "d", at + "a");
       // Meanwhile a folder may have been made where there was none.
       try { renameSync(at + "link", at + "d"); } catch { rmdirSync(at + "d"); renameSync(at + "a", at + "d"); continue; }
       renameSync(at + "d", at + "link");
       renameSync(at + "a", at + "d");
     }`,
    { eval: true },
  );
  const race = { over: false };
  const done = new Promise<void>((resolve) => {
    racer.once("exit", () => {
      race.over = true;
      resolve();
    });
  });
  using volume = must(await openFolder(join(path, "volume")), "it was made");
  using podFolder = must(await openFolder(join(path, "pod")), "it was made");
  const found = new Map<string, number>();
  while (!race.over) {
    const outcome = await mountSubPath({ volume, podFolder, subPath: "d", at: "volume-subpaths/v/c/0" }).then(
      (target) => readdirSync(target).join() || "empty",
      (error: Error) => error.name,
    );
    found.set(outcome, (found.get(outcome) ?? 0) + 1);
  }
  await done;
  await podFolder.remove("volume-subpaths", "unmount");
  assert.equal(found.get("message"), undefined);
  assert.ok((found.get("inside") ?? 0) > 0 && (found.get("SubPathError") ?? 0) > 0, JSON.stringify([...found]));
});

test("containers that start while another swaps what they mount never see the machine (CVE-2021-25741)", async () => {
  const script = `cd /work; i=0; touch d/inside; while [ $i -lt 4000 ]; do
    mv d a; ln -s ${secretFolder} d; rm d; mv a d; i=$((i+1)); done`;
  const looks = Array.from({ length: 12 }, (_, at) => `look-${at}`);
  await machine.create("race", {
    restartPolicy: "Never",
    volumes: [emptyDir],
    containers: [
      unprivileged(`mkdir -p /work/d; ${script}`, { volumeMounts: [work] }),
      ...looks.map((name) =>
        unprivileged("ls /part", {
          name,
          volumeMounts: [{ ...work, mountPath: "/part", subPath: "d" }],
        }),
      ),
    ],
  });
  const settled = (status: Pod["status"]): boolean =>
    looks.every((name) => {
      const state = status?.containerStatuses?.find((one) => one.name === name)?.state;
      return state?.terminated !== undefined || state?.waiting?.reason === "CreateContainerConfigError";
    });
  const status = await machine.until("race", settled);
  const seen = looks.filter((name) =>
    status?.containerStatuses?.some((one) => one.name === name && one.state?.terminated),
  );
  for (const name of seen) assert.doesNotMatch(machine.log("race", name), /message/);
  await machine.remove("race");
});

test("a config map's volume cannot be written, and its update removes nothing else (CVE-2017-1002102)", async () => {
  await machine.create("wipe", {
    volumes: [{ name: "config", configMap: { name: "settings" } }],
    containers: [
      unprivileged("sleep 1", {
        securityContext: {},
        command: [
          "sh",
          "-c",
          `rm -f /config/..data; ln -s "$VICTIM" /config/..data; ls -ld /config; cat /config/greeting; echo; echo ready;
           until grep -q bye /config/greeting; do sleep 0.1; done; echo updated; exec sleep 1000`,
        ],
        env: [{ name: "VICTIM", value: relative(join(machine.config.rootFolder, "pods/u/volumes/k/v"), secretFolder) }],
        volumeMounts: [{ name: "config", mountPath: "/config" }],
      }),
    ],
  });
  await machine.until("wipe", isRunning);
  const signal = AbortSignal.timeout(20_000);
  while (!machine.log("wipe").includes("ready")) await machineClock.sleep(20, signal);
  const now = await machine.api.get(configMaps, { namespace: "default", name: "settings" });
  await machine.api.update(configMaps, { ...now, data: { greeting: "bye" } });
  while (!machine.log("wipe").includes("updated")) await machineClock.sleep(50, signal);
  for (const line of [/Read-only file system/, /drwxr-xr-x/, / hello$/m]) assert.match(machine.log("wipe"), line);
  const volume = join(machine.podFolder("wipe"), "volumes/kubernetes.io~configmap/config");
  assert.deepEqual([readdirSync(volume).length, readFileSync(join(volume, "greeting"), "utf8")], [3, "bye"]);
  assert.equal(readFileSync(join(secretFolder, "message"), "utf8"), secret);
  await machine.remove("wipe");
});

test("what a privileged container left mounted in its volume is undone, and its content stays", async () => {
  const script = `mkdir /work/t /work/b; mount -t tmpfs tmpfs /work/t; mount --bind /secret /work/b; touch /work/t/f; sleep 1000`;
  await machine.create("mounts", {
    volumes: [emptyDir, { name: "secret", hostPath: { path: secretFolder } }],
    containers: [
      {
        name: "main",
        image: busybox,
        command: ["sh", "-c", script],
        resources: {},
        securityContext: { privileged: true },
        volumeMounts: [
          { ...work, mountPropagation: "Bidirectional" },
          { name: "secret", mountPath: "/secret" },
        ],
      },
    ],
  });
  const folder = join(machine.podFolder("mounts").replace(/[^/]*$/, ""));
  await machine.until("mounts", isRunning);
  const volume = join(machine.podFolder("mounts"), "volumes/kubernetes.io~empty-dir/work");
  const signal = AbortSignal.timeout(20_000);
  while (!existsSync(join(volume, "t/f"))) await machineClock.sleep(20, signal);
  assert.equal((await listMounts(volume)).length, 2);
  await machine.remove("mounts");
  assert.deepEqual([await listMounts(folder), existsSync(volume)], [[], false]);
  assert.equal(readFileSync(join(secretFolder, "message"), "utf8"), secret);
});

test("a file that cannot be removed does not keep its pod", async () => {
  await machine.create("stuck", { volumes: [emptyDir], containers: [unprivileged("sleep 1000")] });
  await machine.until("stuck", isRunning);
  const folder = machine.podFolder("stuck");
  const file = join(folder, "volumes/kubernetes.io~empty-dir/work/file");
  writeFileSync(file, "");
  await run("chattr", ["+i", file], { timeoutMs: 60_000 });
  try {
    await machine.remove("stuck");
    assert.deepEqual([machine.status("stuck"), existsSync(file)], [{}, true]);
  } finally {
    await run("chattr", ["-i", file], { timeoutMs: 60_000 });
  }
  // The next start has another try.
  await machine.stopKubelet();
  machine.startKubelet();
  const signal = AbortSignal.timeout(20_000);
  while (existsSync(folder)) await machineClock.sleep(50, signal);
});

test("logs are for root and its group alone (CVE-2024-5321)", async () => {
  await machine.create("talk", { restartPolicy: "Never", containers: [unprivileged("echo hello")] });
  await machine.until("talk", ended);
  const path = machine.logPath("talk");
  const modes = [path, join(path, ".."), join(path, "../..")].map((one) => (statSync(one).mode & 0o777).toString(8));
  assert.deepEqual(modes, ["640", "750", "750"]);
  await machine.remove("talk");
});

test("parts of volumes serve a user with a group, through links, as files, read-only, and outlive the kubelet", async () => {
  const script = `id; echo mine > /data/file && cat /data/file; ls -ldn /data; cat /greeting; echo; echo done; echo x > /fixed/y;
    cat /named/file; exec sleep 1000`;
  await machine.create("parts", {
    securityContext: { fsGroup: 2000, runAsUser: 1001, runAsGroup: 1001 },
    volumes: [emptyDir, { name: "config", configMap: { name: "settings" } }],
    containers: [
      {
        ...unprivileged(script),
        securityContext: {},
        env: [{ name: "POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }],
        volumeMounts: [
          { name: "work", mountPath: "/data", subPath: "data/own" },
          { name: "config", mountPath: "/greeting", subPath: "greeting" },
          { name: "work", mountPath: "/fixed", subPath: "fixed", readOnly: true },
          { name: "work", mountPath: "/named", subPathExpr: "$(POD)/x" },
        ],
      },
    ],
  });
  await machine.until("parts", isRunning);
  const signal = AbortSignal.timeout(20_000);
  while (!/\/named\/file[^]*done|done[^]*\/named\/file/.test(machine.log("parts")))
    await machineClock.sleep(20, signal);
  // Each stream by itself: the log holds them in the order they were read.
  const said = (stream: string): string =>
    machine
      .log("parts")
      .split("\n")
      .filter((line) => line.split(" ")[1] === stream)
      .map((line) => line.split(" ").slice(3).join(" "))
      .join("\n");
  const text = said("stdout");
  assert.match(text, /uid=1001 gid=1001 groups=(?:1001,)?2000/);
  assert.match(text, /^mine\ndrwxrwsrwx +2 0 +2000 [^\n]* \/data$/m);
  assert.match(text, /^(?:hello|bye)$/m);
  assert.match(said("stderr"), /\/fixed\/y: Read-only file system/);
  const folder = machine.podFolder("parts");
  assert.equal((await listMounts(folder)).length, 4);
  await machine.stopKubelet();
  machine.startKubelet();
  await machine.create("later", { restartPolicy: "Never", containers: [unprivileged("true")] });
  await machine.until("later", ended);
  assert.equal(machine.status("parts")?.containerStatuses?.[0]?.restartCount, 0);
  await machine.remove("parts");
  assert.deepEqual([await listMounts(folder), existsSync(folder)], [[], false]);
});
