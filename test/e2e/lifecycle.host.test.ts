/** Two servers side by side on one machine: told to end, killed, started again, removed, each without touching the other. */
import assert from "node:assert/strict";
import { existsSync, realpathSync } from "node:fs";
import { basename, dirname } from "node:path";
import { before, test } from "node:test";
import { must } from "../../src/base/assert.ts";
import { nodeId } from "../../src/distro/node-network.ts";
import { containerdFolders, containerdsOf } from "../../src/host/containerd.ts";
import { lives, signalProcess, type ProcessId } from "../../src/host/processes.ts";
import { bundle, kedge, newPlace, placeImages, Server, type Place } from "./kedge.ts";
import { machineSnapshot } from "./machine-snapshot.ts";

interface Side {
  readonly place: Place;
  readonly nodePort: number;
  readonly marks: readonly string[];
  server: Server;
}

/** Networks and ports of this run, so that another one may go on beside it: a quarter of 10/8 in blocks of four. */
const block = 128 + (process.pid % 30) * 4;
const port = 30_100 + (process.pid % 900) * 2;

let one: Side;
let other: Side;

async function startSide(nodePort: number, networks: readonly [string, string]): Promise<Side> {
  const place = await newPlace(networks);
  await placeImages(place, "busybox");
  const server = await Server.start(place);
  const run = basename(dirname(containerdFolders(place.dataDir).run));
  // What names of things that belong to this data directory hold.
  const names = [run.slice(0, 8), nodeId(place.dataDir).slice(0, 7), place.folder, realpathSync(place.dataDir)];
  const marks = [...names, ...networks.map((network) => ` ${network.replace("0.0/16", "")}`)];
  await server.apply(`
apiVersion: v1
kind: Service
metadata: { name: hello }
spec:
  type: NodePort
  selector: { app: hello }
  ports: [{ port: 80, targetPort: 8080, nodePort: ${nodePort} }]
---
apiVersion: v1
kind: ConfigMap
metadata: { name: page }
data: { index.html: "hello from ${nodePort}" }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: hello }
spec:
  replicas: 2
  selector: { matchLabels: { app: hello } }
  template:
    metadata: { labels: { app: hello } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: httpd
          image: kedge.local/busybox:1
          command: [httpd, -f, -p, "8080", -h, /www]
          readinessProbe: { httpGet: { path: /, port: 8080 }, periodSeconds: 1 }
          volumeMounts: [{ name: page, mountPath: /www }]
      volumes: [{ name: page, configMap: { name: page } }]
---
# What leaves most behind on a machine: mounts of each sort, and a port of the host.
apiVersion: v1
kind: Pod
metadata: { name: traces, labels: { app: traces } }
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: kedge.local/busybox:1
      command: [httpd, -f, -p, "8080", -h, /page]
      ports: [{ containerPort: 8080, hostPort: ${nodePort - 1_000} }]
      volumeMounts:
        - { name: memory, mountPath: /memory }
        - { name: page, mountPath: /page/index.html, subPath: index.html }
        - { name: claimed, mountPath: /claimed }
  volumes:
    - { name: memory, emptyDir: { medium: Memory } }
    - { name: page, configMap: { name: page } }
    - { name: claimed, persistentVolumeClaim: { claimName: claimed } }
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: claimed }
spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Mi } } }
`);
  return { place, nodePort, marks, server };
}

async function nodeAddress({ server }: Side): Promise<string> {
  return server.kubectl("get", "nodes", "-o", "jsonpath={.items[0].status.addresses[0].address}");
}

async function greetingAt(address: string): Promise<string> {
  const reply = await fetch(`http://${address}/`, { signal: AbortSignal.timeout(5_000) });
  return reply.text();
}

const isReady = ({ server }: Side): Promise<string> =>
  server.kubectl("wait", "--for=condition=Available", "deployment/hello", "--timeout=60s");

/** The containers that run: another id or another count of restarts means that one was not left alone. */
const containersOf = ({ server }: Side): Promise<string> =>
  server.kubectl(
    "get",
    "pods",
    "--sort-by=.metadata.name",
    "-o",
    "jsonpath={range .items[*].status.containerStatuses[*]}{.containerID} {.restartCount}\n{end}",
  );

function containerdIds({ place }: Side): readonly ProcessId[] {
  return containerdsOf(containerdFolders(place.dataDir)).map(({ id }) => id);
}

/** What there is on the machine of these and of nobody else. */
async function tracesOf(...sides: readonly Side[]): Promise<readonly string[]> {
  const marks = sides.flatMap((side) => side.marks);
  return [...machineSnapshot(await bundle())].filter((line) => marks.some((mark) => line.includes(mark)));
}

before(async () => {
  [one, other] = [
    await startSide(port, [`10.${block}.0.0/16`, `10.${block + 1}.0.0/16`]),
    await startSide(port + 1, [`10.${block + 2}.0.0/16`, `10.${block + 3}.0.0/16`]),
  ];
});

test("two servers run pods and services side by side", async () => {
  for (const side of [one, other]) {
    await isReady(side);
    assert.equal(await greetingAt(`${await nodeAddress(side)}:${side.nodePort}`), `hello from ${side.nodePort}`);
    const clusterIp = await side.server.kubectl("get", "service", "hello", "-o", "jsonpath={.spec.clusterIP}");
    assert.equal(await greetingAt(clusterIp), `hello from ${side.nodePort}`);
    await side.server.kubectl("wait", "pod/traces", "--for=condition=Ready", "--timeout=30s");
    assert.equal(
      await greetingAt(`${await nodeAddress(side)}:${side.nodePort - 1_000}`),
      `hello from ${side.nodePort}`,
    );
    assert.equal((await containersOf(side)).trim().split("\n").length, 3);
    // Of each sort, so that looking for them afterwards means something.
    const sorts = new Set((await tracesOf(side)).map((line) => line.split(" ")[0]));
    for (const sort of ["link", "route", "nft", "mount", "cgroup", "file", "process"]) assert.ok(sorts.has(sort), sort);
  }
});

test("a server that is told to end does so within 5 seconds and leaves its containers running", async () => {
  const address = await nodeAddress(one);
  const containers = await containersOf(one);
  const { code, seconds } = await one.server.end("SIGTERM");
  assert.equal(code, 0);
  assert.ok(seconds < 5, `it took ${seconds} s`);
  assert.equal(await greetingAt(`${address}:${one.nodePort}`), `hello from ${one.nodePort}`);
  one.server = await Server.start(one.place);
  await isReady(one);
  assert.equal(await containersOf(one), containers);
});

test("kill -9 of the server and of containerd loses neither objects nor containers", async () => {
  const address = await nodeAddress(one);
  const containers = await containersOf(one);
  await one.server.kubectl("create", "configmap", "acknowledged", "--from-literal=a=b");
  one.server.process.kill("SIGKILL");
  const containerds = containerdIds(one);
  assert.equal(containerds.length, 1);
  for (const id of containerds) signalProcess(id, "SIGKILL");
  assert.equal(await greetingAt(`${address}:${one.nodePort}`), `hello from ${one.nodePort}`);
  one.server = await Server.start(one.place);
  await isReady(one);
  assert.equal(await one.server.kubectl("get", "configmap", "acknowledged", "-o", "jsonpath={.data.a}"), "b");
  assert.equal(await containersOf(one), containers);
  const pod = must(
    (await one.server.kubectl("get", "pods", "-l", "app=hello", "-o", "name")).split("\n")[0],
    "there are pods",
  );
  assert.equal(await one.server.kubectl("exec", pod, "--", "cat", "/www/index.html"), `hello from ${one.nodePort}`);
});

test("killall ends all that runs, and the next start brings it back", async () => {
  const { code, stderr } = await kedge("killall", "--data-dir", one.place.dataDir);
  assert.equal(code, 0, stderr);
  assert.deepEqual(containerdIds(one).filter(lives), []);
  assert.deepEqual(await tracesOf(one), []);
  await assert.rejects(greetingAt(`${await nodeAddress(other)}:${one.nodePort}`));
  assert.equal(await greetingAt(`${await nodeAddress(other)}:${other.nodePort}`), `hello from ${other.nodePort}`);
  one.server = await Server.start(one.place);
  const restarted = "jsonpath={.status.containerStatuses[0].restartCount}=1";
  await one.server.kubectl("wait", "pods", "--all", `--for=${restarted}`, "--timeout=60s");
  await one.server.kubectl("wait", "pods", "--all", "--for=condition=Ready", "--timeout=60s");
  await isReady(one);
  assert.equal(await greetingAt(`${await nodeAddress(one)}:${one.nodePort}`), `hello from ${one.nodePort}`);
});

test("uninstall wants to be told so, and then leaves the machine as it was", async () => {
  const flags = ["--data-dir", one.place.dataDir, "--write-kubeconfig", one.place.kubeconfig];
  const refused = await kedge("uninstall", ...flags);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /^kedge: expected --yes, because .* nothing was changed\n$/);
  const removed = await kedge("uninstall", ...flags, "--yes");
  assert.equal(removed.code, 0, removed.stderr);
  assert.ok(!existsSync(one.place.dataDir) && !existsSync(one.place.kubeconfig));
  assert.equal(await greetingAt(`${await nodeAddress(other)}:${other.nodePort}`), `hello from ${other.nodePort}`);
  await kedge("uninstall", "--data-dir", other.place.dataDir, "--write-kubeconfig", other.place.kubeconfig, "--yes");
  assert.deepEqual(await tracesOf(one, other), []);
});
