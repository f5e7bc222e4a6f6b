/** A hostile kubelet: a node that joined with the token, and answers the API server with everything but what was asked. */
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { request } from "node:https";
import { createServer, type AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "#base/assert.ts";
import { Api } from "./api.ts";
import { honestWords, kubeletPort, mischief, mutePort, slowPort } from "./hostile-kubelet.ts";
import { observed, type AttackOutcome } from "./observed.ts";
import { joinFromOutside, type OutsideNode } from "./outside-node.ts";
import type { IsWanted, Later, Row } from "./report.ts";
import type { AttackedServer } from "./server.ts";

const namespace = "attack-kubelets";
const at = `/api/v1/namespaces/${namespace}`;
const evil = "outside";
/** Nodes that name the same address, and a port where TLS never stands. */
const [mute, slow] = ["outside-mute", "outside-slow"];
const merge = "application/merge-patch+json";
const copies = 4;
const readBytesMax = 1_000_000;
// A client that was not answered by then leaves.
const quickMs = 8_000;
const enoughMs = 2_000;
// What the API server gives a kubelet, and some more for a busy machine.
const patientMs = 75_000;
const settleMs = 1_000;
const backMs = 8_000;
// Connections of the bystander and of our own come and go.
const descriptorsLeftMax = 12;

type Name = keyof typeof mischief;
const names = Object.keys(mischief);
/** With these the reply has come and goes on, or a session stands: their client leaves when it has had enough. */
const goesOn: ReadonlySet<string> = new Set<Name>(["endless-body", "unasked-switch", "garbage"]);

interface Stage {
  readonly server: AttackedServer;
  readonly admin: Api;
  readonly outside: OutsideNode;
  /** How many came to the bait on loopback. */
  readonly caught: () => number;
}

interface Visit {
  readonly what: string;
  readonly method: string;
  readonly path: string;
  readonly upgrade?: "SPDY/3.1" | "websocket";
}

interface Seen {
  readonly code: string;
  readonly text: string;
  /** True when it was the client who ended it. */
  readonly left: boolean;
}

/** All the ways to a kubelet. @param pod Is on its node. */
function visitsTo(pod: string, node: string): readonly Visit[] {
  const pods = `${at}/pods/${pod}`;
  const run = "command=a&stdin=1&stdout=1";
  const sessions = [
    ["exec", `${pods}/exec?${run}`],
    ["attach", `${pods}/attach?stdin=1&stdout=1`],
    ["port-forward", `${pods}/portforward?ports=80`],
  ] as const;
  return [
    { what: "log", method: "GET", path: `${pods}/log` },
    { what: "followed log", method: "GET", path: `${pods}/log?follow=1` },
    { what: "node proxy", method: "GET", path: `/api/v1/nodes/${node}/proxy/${pod}` },
    { what: "stats", method: "GET", path: `/api/v1/nodes/${node}/proxy/stats/summary?${pod}` },
    ...sessions.flatMap(([what, path]) => [
      { what, method: "POST", path, upgrade: "SPDY/3.1" as const },
      { what: `${what} by WebSocket`, method: "GET", path, upgrade: "websocket" as const },
    ]),
  ];
}

const handshake = {
  "SPDY/3.1": { "x-stream-protocol-version": "v4.channel.k8s.io" },
  websocket: {
    "sec-websocket-version": "13",
    "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
    "sec-websocket-protocol": "v5.channel.k8s.io",
  },
} as const;

/** Resolves when the reply is over, or its client has had enough of it. */
function visit({ target }: AttackedServer, { method, path, upgrade }: Visit, waitMs: number): Promise<Seen> {
  const { url, ca, certificate, key } = target;
  return new Promise((resolve) => {
    const leaving = new AbortController();
    const headers = upgrade === undefined ? {} : { connection: "Upgrade", upgrade, ...handshake[upgrade] };
    const asked = request(new URL(path, url), {
      method,
      headers,
      agent: false,
      signal: leaving.signal,
      ...(ca === undefined ? {} : { ca }),
      ...(certificate === undefined ? {} : { cert: certificate }),
      ...(key === undefined ? {} : { key }),
    });
    let [code, text] = ["none", ""];
    const end = (left: boolean): void => {
      clearTimeout(timer);
      leaving.abort();
      resolve({ code, text, left });
    };
    const timer = setTimeout(() => end(true), waitMs);
    const hear = (chunk: unknown): void => {
      text += String(chunk);
      if (text.length > readBytesMax) end(true);
    };
    asked.on("error", () => end(false));
    asked.on("response", (response) => {
      code = String(response.statusCode);
      response
        .on("error", () => end(false))
        .on("data", hear)
        .on("close", () => end(false));
    });
    asked.on("upgrade", (_, socket, head) => {
      code = "101";
      if (head.length > 0) hear(head);
      socket
        .on("error", () => end(false))
        .on("data", hear)
        .on("close", () => end(false));
      leaving.signal.addEventListener("abort", () => socket.destroy());
    });
    asked.end();
  });
}

function counted(all: readonly Seen[]): string {
  const counts = new Map<string, number>();
  for (const { code } of all) counts.set(code, (counts.get(code) ?? 0) + 1);
  return [...counts].map(([code, count]) => `${count}× ${code}`).join(", ");
}

/** What must never be in a reply: it was somewhere else. */
const stolen = /"kind":"SecretList"|caught by the bait/;

function faultsOf(stage: Stage, name: string, all: readonly Seen[]): readonly string[] {
  const waiting = all.filter(({ left, code }) => left && (code === "none" || !goesOn.has(name))).length;
  const unanswered = all.filter(({ code }) => code === "none").length;
  return [
    ...(stage.caught() > 0 ? [`${stage.caught()} connections CAME to loopback`] : []),
    ...(all.some(({ text }) => stolen.test(text)) ? ["the API was REACHED"] : []),
    ...(waiting > 0 ? [`${waiting} requests did NOT END`] : []),
    ...(unanswered > 0 ? [`${unanswered} were not answered`] : []),
  ];
}

/** What the honest answer of the same kubelet becomes: whatever is not refused comes through. */
async function control({ server }: Stage): Promise<readonly string[]> {
  const all = await Promise.all(
    visitsTo("honest", evil).map(async (one) => ({ what: one.what, seen: await visit(server, one, quickMs) })),
  );
  const lost = all.filter(({ seen }) => !seen.text.includes(honestWords));
  return lost.map(({ what, seen }) => `an honest ${what} was LOST: ${seen.code} ${seen.text.slice(0, 100)}`);
}

function descriptorsOf({ pid }: AttackedServer): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

async function plays(stage: Stage, name: string): Promise<AttackOutcome> {
  const { server } = stage;
  const before = descriptorsOf(server);
  const proxied = { what: "pod proxy", method: "GET", path: `${at}/pods/https:${name}:${kubeletPort}/proxy/${name}` };
  const visits = [...visitsTo(name, evil), proxied];
  const all = await Promise.all(
    Array.from({ length: copies }, () =>
      visits.map((one) => visit(server, one, goesOn.has(name) ? enoughMs : quickMs)),
    ).flat(),
  );
  const left = (): number => descriptorsOf(server) - before;
  const endMs = performance.now() + backMs;
  while (left() > descriptorsLeftMax && performance.now() < endMs) await sleep(100);
  const faults = [
    ...faultsOf(stage, name, all),
    ...(left() > descriptorsLeftMax ? [`${left()} descriptors STAYED`] : []),
    ...(await control(stage)),
  ];
  return { outcome: [counted(all), ...faults].join("; "), broken: faults.length > 0 };
}

/** Ways on which the API server waits, until it has had enough by itself. */
async function patience(stage: Stage): Promise<AttackOutcome> {
  const { server } = stage;
  const visits = [["silence", evil] as const, ...[mute, slow].map((node) => [node, node] as const)].flatMap(
    ([pod, node]) => visitsTo(pod, node),
  );
  const startMs = performance.now();
  const all = await Promise.all(visits.map((one) => visit(server, one, patientMs)));
  const faults = [...faultsOf(stage, "silence", all), ...(await control(stage))];
  const took = `after ${((performance.now() - startMs) / 1_000).toFixed(0)} s`;
  return { outcome: [`${counted(all)} ${took}`, ...faults].join("; "), broken: faults.length > 0 };
}

interface Bait extends Disposable {
  readonly url: string;
  readonly caught: () => number;
}

/** Stands on loopback, where the API server never connects to. */
async function layBait(): Promise<Bait> {
  let came = 0;
  const bait = createServer((socket) => {
    came += 1;
    socket.on("error", () => undefined).end("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\ncaught by the bait");
  });
  bait.listen(0, "127.0.0.1");
  await once(bait, "listening");
  // Holds because it listens on TCP.
  const { port } = bait.address() as AddressInfo;
  return { url: `https://127.0.0.1:${port}/`, caught: () => came, [Symbol.dispose]: () => void bait.close() };
}

async function expectCode(answer: Promise<{ readonly code: number; readonly text: string }>): Promise<void> {
  const { code, text } = await answer;
  if (code >= 300) throw new Error(`expected to prepare the attack, found ${code} ${text}`);
}

async function prepare({ admin, outside }: Stage): Promise<void> {
  await expectCode(admin.ask("POST /api/v1/namespaces", { body: { metadata: { name: namespace } } }));
  await admin.ask(`POST ${at}/serviceaccounts`, { body: { metadata: { name: "default" } } });
  const addresses = [{ type: "InternalIP", address: outside.address }];
  for (const [name, Port, api] of [
    // Its own Node is made by itself, with the certificate it was given.
    [evil, kubeletPort, outside.api],
    [mute, mutePort, admin],
    [slow, slowPort, admin],
  ] as const) {
    await expectCode(api.ask("POST /api/v1/nodes", { body: { apiVersion: "v1", kind: "Node", metadata: { name } } }));
    const status = { addresses, daemonEndpoints: { kubeletEndpoint: { Port } } };
    await expectCode(api.ask(`PATCH /api/v1/nodes/${name}/status`, { body: { status }, type: merge }));
  }
  for (const name of [...names, mute, slow]) {
    const nodeName = name === mute || name === slow ? name : evil;
    const spec = { nodeName, automountServiceAccountToken: false, containers: [{ name: "main", image: "none" }] };
    await expectCode(admin.ask(`POST ${at}/pods`, { body: { metadata: { name }, spec } }));
    const status = { phase: "Running", podIP: outside.address, podIPs: [{ ip: outside.address }] };
    await expectCode(admin.ask(`PATCH ${at}/pods/${name}/status`, { body: { status }, type: merge }));
  }
}

async function cleanUp({ admin }: Stage): Promise<void> {
  await admin.ask(`DELETE ${at}/pods?gracePeriodSeconds=0`);
  for (const name of [evil, mute, slow]) await admin.ask(`DELETE /api/v1/nodes/${name}`);
  await admin.ask(`DELETE /api/v1/namespaces/${namespace}`);
}

const promised = "nothing reaches loopback or the API, the request ends, all is given back";
const patientName = "kubelets: silence, and TLS that never stands";

/** Its last row takes a minute, in which other parts go on. */
export async function* kubeletAttacks(server: AttackedServer, isWanted: IsWanted, later: Later): AsyncGenerator<Row> {
  const ending = new AsyncDisposableStack();
  try {
    const bait = ending.use(await layBait());
    const outside = ending.use(await joinFromOutside(server, evil, bait.url));
    const stage = { server, admin: new Api(server.target), outside, caught: bait.caught };
    ending.defer(() => cleanUp(stage));
    await prepare(stage);
    const waiting = isWanted(patientName) ? patience(stage) : undefined;
    waiting?.catch(() => undefined);
    // Its connections are there when those of the others are counted.
    await sleep(settleMs);
    for (const what of names) {
      const name = `kubelets: ${what.replaceAll("-", " ")}`;
      if (what === "honest" || what === "silence" || !isWanted(name)) continue;
      yield await observed(server, { name, promised }, () => plays(stage, what));
    }
    if (!waiting) return;
    const rest = ending.move();
    later(patientRow(waiting, rest));
  } finally {
    await ending.disposeAsync();
  }
}

async function patientRow(waiting: Promise<AttackOutcome>, rest: AsyncDisposableStack): Promise<Row> {
  const row = { name: patientName, promised };
  try {
    await using _ = rest;
    return { ...row, ...(await waiting) };
  } catch (error) {
    return { ...row, outcome: `could not be played: ${messageOf(error)}`, broken: true };
  }
}
