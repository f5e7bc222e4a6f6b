/**
 * Pods that cost whoever looks at them more than what they say is long: their node, those who read of them, and the API.
 * Each has a control that succeeds: the same in small, or another pod of the same node.
 */
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { createServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { AttackOutcome } from "./observed.ts";
import {
  at,
  container,
  emptyDir,
  hasEnded,
  isRefused,
  isRunning,
  logsOf,
  start,
  until,
  work,
  type PodStatus,
  type Stage,
} from "./pod-stage.ts";
import { image } from "./server.ts";

type Json = Readonly<Record<string, unknown>>;

const promised = "others are served, memory is bounded";
const followsMax = 70;
const followMs = 10_000;
const logMs = 5_000;
const costMs = 3_000;
const manyMs = 12_000;

function list<T>(count: number, make: (index: number) => T): readonly T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

function saidOf({ phase, containerStatuses }: PodStatus): string {
  return containerStatuses?.[0]?.state?.waiting?.reason ?? phase ?? "nothing";
}

/** Another pod of the same node starts, runs and is read meanwhile. */
async function other(stage: Stage, script = "echo served", more: object = {}): Promise<AttackOutcome> {
  await start(stage, "other", { containers: [container(script, more)] });
  const { phase = "nothing" } = await until(stage, "other", hasEnded);
  const log = (await logsOf(stage, "other")).trim();
  return { outcome: `another pod ${phase}`, broken: phase !== "Succeeded" || log !== "served" };
}

/** What became of the costly pod, and of the control. */
async function together(stage: Stage, name: string, control: Promise<AttackOutcome>): Promise<AttackOutcome> {
  const { outcome, broken } = await control;
  const status = await until(stage, name, (one) => hasEnded(one) || isRefused(one) || isRunning(one));
  return { outcome: `${saidOf(status)}, ${outcome}`, broken };
}

function statusOf(stage: Stage, name: string): Promise<PodStatus> {
  return until(stage, name, () => true);
}

/** One that waits for what it does not get, or takes its time, is given some and no more. */
async function meanwhile(stage: Stage, name: string, spec: object): Promise<AttackOutcome> {
  await start(stage, name, spec);
  const { outcome, broken } = await other(stage);
  await sleep(costMs);
  return { outcome: `${saidOf(await statusOf(stage, name))}, ${outcome}`, broken };
}

/** @param count Of variables, each twice as long as the one before. */
function doubling(count: number): readonly Json[] {
  return [
    { name: "V0", value: "x".repeat(16) },
    ...list(count, (index) => ({ name: `V${index + 1}`, value: `$(V${index})$(V${index})` })),
  ];
}

/** A container that finds one key under many names: as files, and as variables. */
function files(count: number): object {
  const items = list(count, (index) => ({ key: "large", path: `f${index}` }));
  return {
    volumes: [{ name: "work", configMap: { name: "large", items } }],
    containers: [container("cat /work/f0 | busybox wc -c", { volumeMounts: [work] })],
  };
}

function variables(count: number, name: string): object {
  const envFrom = list(count, (index) => ({ prefix: `P${index}_`, configMapRef: { name } }));
  return { containers: [container("busybox env | busybox grep -c _value=", { envFrom })] };
}

interface HealthServer extends AsyncDisposable {
  readonly port: number;
}

/** Answers health checks of gRPC; it stands on the node's own network, where a pod says it is. */
async function healthServer(answer: (stream: ServerHttp2Stream) => void): Promise<HealthServer> {
  const server = createServer();
  server.on("session", (session) => session.on("error", () => undefined));
  server.on("stream", (stream: ServerHttp2Stream) => {
    stream.on("error", () => undefined);
    answer(stream);
  });
  server.listen(0);
  await once(server, "listening");
  // Holds because it listens on TCP.
  const { port } = server.address() as AddressInfo;
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      server.close();
    },
  };
}

// A message of two bytes: the status 1, SERVING.
const serving = Buffer.from([0, 0, 0, 0, 2, 8, 1]);

function answerWell(stream: ServerHttp2Stream): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end(serving);
}

function answerWithoutEnd(stream: ServerHttp2Stream): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc" });
  const piece = Buffer.alloc(64 * 1024);
  const write = (): void => {
    while (!stream.destroyed && stream.write(piece));
  };
  stream.on("drain", write);
  write();
}

function probed(port: number): object {
  const readinessProbe = { grpc: { port }, periodSeconds: 1, timeoutSeconds: 20, failureThreshold: 1 };
  return { hostNetwork: true, containers: [container("busybox sleep 60", { readinessProbe })] };
}

async function probes(stage: Stage): Promise<AttackOutcome> {
  const asked: ServerHttp2Stream[] = [];
  await using endless = await healthServer((stream) => {
    asked.push(stream);
    answerWithoutEnd(stream);
  });
  await using well = await healthServer(answerWell);
  await start(stage, "endless", probed(endless.port));
  await start(stage, "well", probed(well.port));
  const { containerStatuses } = await until(stage, "well", isRunning);
  const ready = containerStatuses?.[0]?.ready === true;
  const endMs = performance.now() + followMs;
  while (asked.length < 3 && performance.now() < endMs) await sleep(100);
  const fooled = isRunning(await statusOf(stage, "endless"));
  const outcome = `asked ${asked.length} times, ${fooled ? "READY" : "not ready"}; one that answers well is ${ready ? "ready" : "not ready"}`;
  return { outcome, broken: fooled || !ready || asked.length === 0 };
}

const tag = "<a ";
const tags = 700_000;

async function page(stage: Stage): Promise<AttackOutcome> {
  const script = [
    "cd /work",
    `busybox yes '${tag.trim()}' | busybox tr '\\n' ' ' | busybox head -c ${tags * tag.length} > open.html`,
    `echo '<a href="/x">' > well.html`,
    "busybox httpd -f -p 8080 -h /work",
  ].join("; ");
  const readinessProbe = { httpGet: { port: 8080, path: "/well.html" }, periodSeconds: 1 };
  await start(stage, "page", {
    volumes: [emptyDir],
    containers: [container(script, { volumeMounts: [work], readinessProbe })],
  });
  await until(stage, "page", isRunning);
  const seen = `${at}/pods/page:8080/proxy`;
  const [open, well] = [await stage.admin.ask(`GET ${seen}/open.html`), await stage.admin.ask(`GET ${seen}/well.html`)];
  const moved = well.text.includes(`href="${seen}/x"`);
  const outcome = `${open.code}, ${open.text.length} characters; a link of another page ${moved ? "was" : "was not"} moved`;
  return { outcome, broken: !moved || open.text !== tag.repeat(tags) };
}

async function follows(stage: Stage): Promise<AttackOutcome> {
  for (const name of ["followed", "read"])
    await start(stage, name, { containers: [container("echo served; busybox sleep 60")] });
  for (const name of ["followed", "read"]) await until(stage, name, isRunning);
  const leaving = new AbortController();
  const line = `GET ${at}/pods/followed/log?follow=1`;
  const following = await Promise.all(list(followsMax, () => stage.admin.open(line, leaving.signal)));
  for (const reply of following) reply.on("error", () => undefined).resume();
  const startMs = performance.now();
  const read = await stage.admin
    .open(`GET ${at}/pods/read/log`, AbortSignal.timeout(logMs))
    .then((reply) => reply.toArray())
    .then((chunks) => chunks.join("").trim())
    .catch(String);
  const tookMs = performance.now() - startMs;
  leaving.abort();
  const followed = following.filter(({ statusCode }) => statusCode === 200).length;
  const outcome = `${followed} followed; another log ${read === "served" ? `read in ${tookMs.toFixed(0)} ms` : `was not read: ${read}`}`;
  return { outcome, broken: read !== "served" || followed === 0 };
}

async function largeKey(stage: Stage): Promise<AttackOutcome> {
  for (const [name, data] of Object.entries({ large: { large: "x".repeat(900_000) }, small: { value: "x" } }))
    await stage.admin.ask(`POST ${at}/configmaps`, { body: { metadata: { name }, data } });
  const hostile = { files: files(1_000), variables: variables(1_000, "large") };
  const controls = { "one-file": files(1), "small-variables": variables(1_000, "small") };
  for (const [name, spec] of Object.entries({ ...hostile, ...controls })) await start(stage, name, spec);
  const said: string[] = [];
  for (const name of Object.keys(controls)) {
    await until(stage, name, (one) => hasEnded(one) || isRefused(one));
    said.push((await logsOf(stage, name)).trim());
  }
  for (const name of Object.keys(hostile)) said.push(saidOf(await statusOf(stage, name)));
  const [file, small, ...others] = said;
  const broken = file !== "900000" || small !== "1000" || others.includes("Running");
  return { outcome: `${others.join(", ")}; shown once: ${file} bytes; a small one: ${small} variables`, broken };
}

/** Most of them start while another pod of the node is served. */
function many(name: string, spec: object): Attack {
  return async (stage) => {
    await start(stage, name, spec);
    const { outcome, broken } = await other(stage);
    await sleep(manyMs);
    // The status tells of them when all were started; their logs stand there as soon as each is.
    const logs = join(stage.server.dataFolder, "agent/pod-logs");
    const started = readdirSync(logs)
      .filter((folder) => folder.includes(`_${name}_`))
      .flatMap((folder) => readdirSync(join(logs, folder))).length;
    return { outcome: `${started} started, ${outcome}`, broken: broken || started === 0 };
  };
}

type Attack = (stage: Stage) => Promise<AttackOutcome>;

const attacks: Readonly<Record<string, Attack>> = {
  "variables that double thirty times": async (stage) => {
    await start(stage, "doubled", { containers: [container("echo served", { env: doubling(30) })] });
    const small = other(stage, '[ "${#V4}" = 256 ] && echo served', { env: doubling(4) });
    return together(stage, "doubled", small);
  },
  "200 KB of references without an end": async (stage) => {
    const unclosed = (sizeBytes: number): object =>
      container("echo served", {
        args: ["$(".repeat(sizeBytes / 2)],
        env: [{ name: "V", value: "$(".repeat(sizeBytes / 2) }],
      });
    await start(stage, "unclosed", { containers: [unclosed(200_000)] });
    await start(stage, "other", { containers: [unclosed(60_000)] });
    const { phase = "nothing" } = await until(stage, "other", hasEnded);
    const control = { outcome: `60 KB of them ${phase}`, broken: phase !== "Succeeded" };
    return together(stage, "unclosed", Promise.resolve(control));
  },
  "a large key shown a thousand times": largeKey,
  "10,000 pull secrets": (stage) =>
    meanwhile(stage, "pulls", {
      imagePullSecrets: list(10_000, (index) => ({ name: `s${index}` })),
      containers: [container("echo served")],
    }),
  "2,000 secret volumes": (stage) =>
    meanwhile(stage, "volumes", {
      volumes: list(2_000, (index) => ({ name: `v${index}`, secret: { secretName: `s${index}` } })),
      containers: [container("echo served")],
    }),
  "a gRPC probe answered without end": probes,
  "a page of open tags through the proxy": page,
  [`${followsMax} followed logs of one node`]: follows,
  "300 containers": many("many", {
    containers: list(300, (index) => container("busybox sleep 60", { name: `c${index}` })),
  }),
  // As many as an object may have of values; they end one after another for as long as the row goes on.
  "4,000 init containers": many("stairs", {
    initContainers: list(4_000, (index) => ({ name: `i${index}`, image, command: ["busybox", "true"] })),
    containers: [container("echo served")],
  }),
};

export const costlyPods: Readonly<Record<string, readonly [promised: string, attack: Attack]>> = Object.fromEntries(
  Object.entries(attacks).map(([name, attack]) => [name, [promised, attack] as const]),
);
