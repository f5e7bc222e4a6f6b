/** The guestbook on a real cluster, and every command of kubectl that people use on one. Each test goes on from the last. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { must } from "../../src/base/assert.ts";
import { installRoot } from "../../src/distro/places.ts";
import { containerdFolders, containerdsOf } from "../../src/host/containerd.ts";
import { signalProcess } from "../../src/host/processes.ts";
import { command, newPlace, placeImages, printed, Server, type Ended, type Place } from "./kedge.ts";

let place: Place;
let server: Server;
const ours = ["--namespace", "guestbook"];
const guestbook = join(installRoot, "examples/guestbook");

before(async () => {
  place = await newPlace(["10.60.0.0/16", "10.61.0.0/16"]);
  await placeImages(place, "busybox", "postgres", "redis", "toolbox", "web");
  server = await Server.start(place);
});

const kubectl = (...args: readonly string[]): Promise<string> => server.kubectl(...ours, ...args);
const tryKubectl = (args: readonly string[], input?: string): Promise<Ended> =>
  server.tryKubectl([...ours, ...args], input === undefined ? {} : { input });

interface Entries {
  readonly entries: readonly { readonly message: string }[];
  readonly newest: string;
}

async function addressOf(service: string): Promise<string> {
  return kubectl("get", "service", service, "--output", "jsonpath={.spec.clusterIP}");
}

async function nodeAddress(): Promise<string> {
  return kubectl("get", "nodes", "--output", "jsonpath={.items[0].status.addresses[0].address}");
}

async function sign(host: string, message: string): Promise<void> {
  const body = new URLSearchParams({ message });
  const reply = await fetch(`http://${host}/entries`, { method: "POST", body, redirect: "manual" });
  assert.equal(reply.status, 303, await reply.text());
}

async function entriesAt(host: string): Promise<Entries> {
  const reply = await fetch(`http://${host}/entries`);
  assert.equal(reply.status, 200);
  // The front end's own form.
  return (await reply.json()) as Entries;
}

async function webIsOut(): Promise<void> {
  await kubectl("rollout", "status", "deployment/web", "--timeout=90s");
}

test("the guestbook comes up with one apply", async () => {
  await server.kubectl("apply", "-f", guestbook);
  await kubectl("rollout", "status", "statefulset/postgres", "--timeout=90s");
  await webIsOut();
  await kubectl("rollout", "status", "daemonset/node-facts", "--timeout=30s");
  await kubectl("wait", "--for=condition=Complete", "job/seed", "--timeout=30s");
  assert.match(await kubectl("get", "pvc"), /data-postgres-0\s+Bound/);
  // A second apply changes nothing that another apply would not change again.
  assert.match(await server.kubectl("apply", "-f", join(guestbook, "redis.yaml")), /deployment.apps\/redis unchanged/);
});

test("it answers by ClusterIP, NodePort and DNS name, and keeps what was written", async () => {
  await sign(await addressOf("web"), "by ClusterIP");
  await sign(`${await nodeAddress()}:30080`, "by NodePort");
  await kubectl("run", "client", "--image=kedge.local/toolbox:1", "--restart=Never", "--", "sleep", "infinity");
  await kubectl("wait", "--for=condition=Ready", "pod/client", "--timeout=30s");
  const inPod = (...args: readonly string[]): Promise<string> => kubectl("exec", "client", "--", ...args);
  await inPod("curl", "-fsS", "-d", "message=by name", "http://web/entries");
  await inPod("curl", "-fsS", "-d", "message=by full name", "http://web.guestbook.svc.cluster.local/entries");
  const { entries, newest } = await entriesAt(await addressOf("web"));
  assert.deepEqual(
    entries.map(({ message }) => message),
    ["by full name", "by name", "by NodePort", "by ClusterIP", "Hello from the seed job"],
  );
  assert.equal(newest, "by full name");
  const dig = async (...args: readonly string[]): Promise<string> => (await inPod("dig", "+short", ...args)).trim();
  const podAddress = await kubectl("get", "pod", "postgres-0", "--output", "jsonpath={.status.podIP}");
  assert.equal(await dig("postgres.guestbook.svc.cluster.local"), podAddress);
  assert.equal(await dig("postgres-0.postgres.guestbook.svc.cluster.local"), podAddress);
  assert.match(await dig("SRV", "_postgres._tcp.postgres.guestbook.svc.cluster.local"), / 5432 postgres-0\.postgres\./);
  assert.equal(await dig("-x", await addressOf("web")), "web.guestbook.svc.cluster.local.");
});

test("volumes, environment and security settings are what the manifests say", async () => {
  const inWeb = (script: string): Promise<string> =>
    kubectl("exec", "deployment/web", "--container", "web", "--", "sh", "-c", script);
  assert.match(await inWeb("cat /etc/guestbook/pod/labels"), /app="web"/);
  assert.equal((await inWeb("cat /etc/guestbook/pod/memory-limit")).trim(), String(128 * 1024 * 1024));
  assert.equal(await inWeb("cat /etc/guestbook/credentials/postgres"), "a-kedge-is-a-light-anchor");
  assert.equal((await inWeb("cut -d. -f1-3 /etc/guestbook/credentials/token | wc -w")).trim(), "1");
  assert.equal((await inWeb("id -u; id -G; echo $PGPASSWORD")).trim(), "999\n999\na-kedge-is-a-light-anchor");
  assert.match(await inWeb("touch /here 2>&1 || true"), /Read-only file system/);
  assert.match(await inWeb("grep CapEff /proc/self/status"), /0000000000000000/);
  const facts = await kubectl(
    "exec",
    "client",
    "--",
    "curl",
    "-fsS",
    "http://node-facts/node",
    "http://node-facts/pod/name",
  );
  assert.match(facts, /^node .*, kernel .*\nnode-facts-/);
});

test("a CronJob's job runs and is reported", async () => {
  await kubectl("create", "job", "--from=cronjob/count", "count-now");
  await kubectl("wait", "--for=condition=Complete", "job/count-now", "--timeout=60s");
  assert.match(await kubectl("logs", "job/count-now"), /^5 at /m);
});

test("logs can be followed, and say why there are none", async () => {
  const followed = server.follow(...ours, "logs", "deployment/web", "-c", "access-log", "-f", "--tail=0", "--all-pods");
  const line = printed(followed, /GET \/no-such-page/);
  // Requests until one is seen: following begins at some moment.
  const asking = setInterval(() => void addressOf("web").then((host) => fetch(`http://${host}/no-such-page`)), 300);
  await line.finally(() => clearInterval(asking));
  followed.kill();
  assert.match(await kubectl("logs", "--selector=app=postgres", "--tail=5"), /ready to accept connections|checkpoint/);
  const refused = await tryKubectl(["logs", "postgres-0", "--previous"]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /previous terminated container "postgres" in pod "postgres-0" not found/);
});

test("exec carries input, output, errors and exit codes, with and without a terminal", async () => {
  const cat = await tryKubectl(["exec", "client", "--stdin", "--", "wc", "-c"], "x".repeat(300_000));
  assert.equal(cat.stdout.trim(), "300000", cat.stderr);
  const failed = await tryKubectl(["exec", "client", "--", "sh", "-c", "echo out; echo err >&2; exit 7"]);
  assert.deepEqual([failed.code, failed.stdout], [7, "out\n"]);
  assert.match(failed.stderr, /^err$/m);
  const missing = await tryKubectl(["exec", "client", "--", "no-such-program"]);
  assert.notEqual(missing.code, 0);
  assert.match(missing.stderr, /no-such-program/);
  // The size comes after the start, as with upstream.
  const inTerminal = "'tty; until stty size 2>/dev/null | grep .; do :; done'";
  const exec = server.kubectlLine(...ours, "exec", "-it", "client", "--", "sh", "-c", inTerminal);
  const terminal = await command("script", ["-qec", `stty rows 33 cols 111; ${exec}`, "/dev/null"], {
    keepsInputOpen: true,
  });
  assert.match(terminal.stdout, /\/dev\/pts\/\d+\s+33 111/);
});

test("attach joins a container that runs", async () => {
  const talk = ["run", "talk", "--image=kedge.local/busybox:1", "--restart=Never", "--stdin", "--quiet", "--", "cat"];
  const said = await tryKubectl(talk, "said to a container\n");
  assert.equal(said.stdout, "said to a container\n", said.stderr);
  await kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/talk", "--timeout=20s");
  await kubectl("delete", "pod", "talk");
});

test("cp copies files and folders both ways", async () => {
  const [there, back] = [join(place.folder, "there"), join(place.folder, "back")];
  mkdirSync(join(there, "deep"), { recursive: true });
  const content = randomBytes(5 * 1024 * 1024);
  writeFileSync(join(there, "deep/random"), content);
  await kubectl("cp", there, "client:/tmp/copied");
  await kubectl("cp", "client:/tmp/copied/deep/random", back);
  assert.ok(readFileSync(back).equals(content));
});

test("port-forward leads to a pod, and takes several connections", async () => {
  const forward = server.follow(...ours, "port-forward", "service/web", ":80");
  const [, port = ""] = must(/127\.0\.0\.1:(\d+) ->/.exec(await printed(forward, /127\.0\.0\.1:\d+ ->/)), "matched");
  const replies = await Promise.all(Array.from({ length: 8 }, () => entriesAt(`127.0.0.1:${port}`)));
  assert.ok(replies.every(({ newest }) => newest === "by full name"));
  forward.kill();
});

test("scale, rollout and its undoing", async () => {
  await kubectl("scale", "deployment/web", "--replicas=3");
  await webIsOut();
  assert.equal(await kubectl("get", "deployment", "web", "-o", "jsonpath={.status.readyReplicas}"), "3");
  await kubectl("scale", "deployment/web", "--replicas=1");
  await kubectl("set", "image", "deployment/web", "web=kedge.local/no-such-image:1");
  const stuck = await tryKubectl(["rollout", "status", "deployment/web", "--timeout=3s"]);
  assert.equal(stuck.code, 1);
  // The old pods serve on while the new one cannot start.
  assert.equal((await entriesAt(await addressOf("web"))).newest, "by full name");
  assert.match(await kubectl("rollout", "undo", "deployment/web"), /rolled back/);
  await webIsOut();
  assert.equal(
    await kubectl("get", "deployment", "web", "-o", "jsonpath={.spec.template.spec.containers[0].image}"),
    "kedge.local/web:1",
  );
  assert.match(await kubectl("rollout", "history", "deployment/web"), /^3 /m);
  await kubectl("rollout", "restart", "deployment/redis");
  await kubectl("rollout", "status", "deployment/redis", "--timeout=60s");
});

test("describe, explain and get show what people look for", async () => {
  const pod = await kubectl("describe", "pod", "postgres-0");
  for (const part of [/^Status: +Running$/m, /^ +Limits:/m, /Started .*kubelet/, /^QoS Class: +Burstable$/m])
    assert.match(pod, part);
  assert.match(await kubectl("describe", "deployment", "web"), /ScalingReplicaSet/);
  assert.match(await kubectl("describe", "node"), /Allocated resources:/);
  assert.match(await kubectl("explain", "deployment.spec.replicas"), /FIELD: replicas <integer>/);
  assert.match(await kubectl("get", "all", "--output=wide"), /statefulset\.apps\/postgres +1\/1/);
  assert.match(await kubectl("events", "--for=pod/postgres-0"), /Scheduled/);
});

test("diff and server-side apply tell whose field is whose", async () => {
  const file = join(guestbook, "redis.yaml");
  assert.equal((await server.tryKubectl(["diff", "-f", file])).code, 0);
  const changed = readFileSync(file, "utf8").replace("memory: 64Mi", "memory: 72Mi");
  const diff = await server.tryKubectl(["diff", "-f", "-"], { input: changed });
  assert.equal(diff.code, 1, diff.stderr);
  assert.match(diff.stdout, /^\+ +memory: 72Mi$/m);
  const serverSide = ["apply", "--server-side", "--field-manager=other", "-f", "-"];
  const conflict = await server.tryKubectl(serverSide, { input: changed });
  assert.equal(conflict.code, 1);
  assert.match(conflict.stderr, /conflict with "kubectl-client-side-apply".*resources\.limits\.memory/s);
  const forced = await server.tryKubectl([...serverSide, "--force-conflicts"], { input: changed });
  assert.match(forced.stdout, /deployment.apps\/redis serverside-applied/, forced.stderr);
  await kubectl("rollout", "status", "deployment/redis", "--timeout=60s");
});

test("what is in a volume claim outlives its pod", async () => {
  await kubectl("delete", "pod", "postgres-0");
  await kubectl("rollout", "status", "statefulset/postgres", "--timeout=60s");
  await kubectl("wait", "--for=condition=Available", "deployment/web", "--timeout=60s");
  assert.equal((await entriesAt(await addressOf("web"))).entries.length, 5);
});

test("a broken image archive is reported, and the others are taken", async () => {
  writeFileSync(join(place.dataDir, "agent/images/broken.tar"), "no archive at all");
  await server.says(/broken\.tar.*expected an image archive/);
  rmSync(join(place.dataDir, "agent/images/broken.tar"));
});

test("kill -9 of kedge and containerd: the pods run on, and nothing is lost", async () => {
  const running = "jsonpath={range .items[*].status.containerStatuses[*]}{.containerID} {.restartCount}\n{end}";
  const before = await kubectl("get", "pods", "--field-selector=status.phase=Running", "-o", running);
  const host = await addressOf("web");
  server.process.kill("SIGKILL");
  for (const { id } of containerdsOf(containerdFolders(place.dataDir))) signalProcess(id, "SIGKILL");
  // Only names do not resolve meanwhile: DNS is a part of kedge.
  assert.equal((await fetch(`http://${host}/healthz`)).status, 200);
  server = await Server.start(place);
  await kubectl("exec", "client", "--", "curl", "-fsS", "--retry", "20", "--retry-all-errors", "http://web/readyz");
  await sign(host, "after the kill");
  assert.deepEqual((await entriesAt(host)).entries.length, 6);
  assert.equal(await kubectl("get", "pods", "--field-selector=status.phase=Running", "-o", running), before);
});

test("delete takes everything of a namespace along", async () => {
  await kubectl("delete", "pod", "client", "--now");
  const volume = await kubectl("get", "pvc", "data-postgres-0", "-o", "jsonpath={.spec.volumeName}");
  const path = await server.kubectl("get", "pv", volume, "-o", "jsonpath={.spec.hostPath.path}{.spec.local.path}");
  assert.ok(existsSync(path));
  await server.kubectl("delete", "namespace", "guestbook", "--timeout=90s");
  await server.kubectl("wait", `pv/${volume}`, "--for=delete", "--timeout=30s");
  assert.ok(!existsSync(path));
  assert.equal((await server.kubectl("get", "pods", "--all-namespaces", "--no-headers")).trim(), "");
});
