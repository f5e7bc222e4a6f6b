/**
 * Hostile clients: a tenant who may do everything in one namespace and wants the others to wait. What each takes of the
 * server's memory, and how long another user waits meanwhile, is observed from outside.
 */
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import { setTimeout as sleep } from "node:timers/promises";
import type { Target } from "../bench/h2-client.ts";
import { hostileHeads } from "./heads.ts";
import { largeObjects } from "./large-objects.ts";
import { observed, type Attacked, type AttackOutcome } from "./observed.ts";
import type { IsWanted, Row } from "./report.ts";

const namespace = "attack-clients";
const maps = `/api/v1/namespaces/${namespace}/configmaps`;
const streamsPerSession = 240;
let target: Target;

interface Answered {
  readonly code: number;
  readonly text: string;
}

function open(window?: number): ClientHttp2Session {
  const settings = window === undefined ? {} : { settings: { initialWindowSize: window } };
  const { ca, certificate: cert, key } = target;
  const session = connect(target.url, {
    ...settings,
    ...(ca === undefined ? {} : { ca }),
    ...(window === undefined && cert !== undefined && key !== undefined ? { cert, key } : {}),
  });
  return session.on("error", () => undefined);
}

/** As a tenant, on a connection that shows no certificate. */
function asTenant(window: number): ClientHttp2Session {
  return open(window);
}

interface Asked {
  readonly method?: string;
  readonly path: string;
  readonly body?: object | string;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function begin(session: ClientHttp2Session, { method = "GET", path, token, headers = {} }: Asked): ClientHttp2Stream {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const stream = session.request({ ":method": method, ":path": path, ...authorization, ...headers });
  return stream.on("error", () => undefined);
}

async function ask(session: ClientHttp2Session, asked: Asked): Promise<Answered> {
  const type = asked.body === undefined ? {} : { "content-type": "application/json" };
  const stream = begin(session, { ...asked, headers: { ...type, ...asked.headers } });
  let code = 0;
  stream.on("response", (head) => (code = Number(head[":status"])));
  if (asked.body === undefined) stream.end();
  else stream.end(typeof asked.body === "string" ? asked.body : JSON.stringify(asked.body));
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  return { code, text };
}

interface Tenant {
  readonly admin: ClientHttp2Session;
  readonly token: string;
}

type Attack = (tenant: Tenant) => Promise<string>;

/** How many were answered how: "230× 200, 20× 429". */
class Codes {
  private readonly streams: (() => string)[] = [];

  watch(stream: ClientHttp2Stream): void {
    let code = "no answer";
    stream.once("response", (head) => (code = String(head[":status"])));
    this.streams.push(() => (stream.closed && code === "200" ? "200 and cut" : code));
  }

  toString(): string {
    const now = new Map<string, number>();
    for (const code of this.streams) now.set(code(), (now.get(code()) ?? 0) + 1);
    return [...now].map(([code, count]) => `${count}× ${code}`).join(", ");
  }
}

/** Opens many requests on as many connections as they need, waits, and leaves. */
async function many(count: number, windowBytes: number, start: (session: ClientHttp2Session) => ClientHttp2Stream) {
  const codes = new Codes();
  const sessions: ClientHttp2Session[] = [];
  for (let at = 0; at < count; at += 1) {
    if (at % streamsPerSession === 0) sessions.push(asTenant(windowBytes));
    const session = sessions.at(-1);
    if (session && !session.closed) codes.watch(start(session));
    if (at % 100 === 99) await sleep(20);
  }
  return { codes, leave: () => sessions.forEach((session) => session.destroy()) };
}

async function held(under: Awaited<ReturnType<typeof many>>, ms: number): Promise<string> {
  await sleep(ms);
  under.leave();
  return under.codes.toString();
}

const protobuf = { accept: "application/vnd.kubernetes.protobuf" };

const attacks: Readonly<Record<string, Attack>> = {
  "unfinished bodies": async ({ token }) => {
    const headers = { "content-type": "application/json" };
    const under = await many(900, 65_535, (session) => {
      const stream = begin(session, { method: "POST", path: maps, token, headers });
      stream.write('{"kind":');
      return stream;
    });
    return held(under, 3_000);
  },
  "unread lists": async ({ token }) =>
    held(await many(720, 0, (session) => begin(session, { path: maps, token })), 5_000),
  "unread protobuf lists": async ({ token }) =>
    held(await many(720, 0, (session) => begin(session, { path: maps, token, headers: protobuf })), 8_000),
  "unread objects": async ({ token }) =>
    held(await many(2_400, 0, (session) => begin(session, { path: `${maps}/large`, token })), 3_000),
  "unread watches": async ({ admin, token }) => {
    const under = await many(3_000, 0, (session) => begin(session, { path: `${maps}?watch=1`, token }));
    for (let at = 0; at < 60; at += 1) await change(admin, at, 500_000);
    return held(under, 2_000);
  },
  "dropped watches": async ({ admin, token }) => {
    for (let at = 0; at < 1_200; at += 1) await change(admin, at, 10);
    for (let round = 0; round < 5; round += 1) {
      const path = `${maps}?watch=1&resourceVersion=2`;
      const under = await many(200, 65_535, (session) => begin(session, { path, token }));
      await sleep(10);
      under.leave();
    }
    await sleep(1_000);
    return "1000 left";
  },
  "dropped connections": async () => {
    const sessions = Array.from({ length: 1_000 }, () => asTenant(65_535));
    await Promise.all(
      sessions.map((session) => new Promise((resolve) => void session.once("remoteSettings", resolve))),
    );
    for (const session of sessions) session.destroy();
    await sleep(1_000);
    return "1000 left";
  },
  "query bombs": async () => {
    const session = asTenant(65_535);
    const answers = await Promise.allSettled(
      [30_000, 60_000, 120_000].map((size) => ask(session, { path: `/api/v1/pods?${"a&".repeat(size / 2)}` })),
    );
    session.destroy();
    return answers.map((each) => (each.status === "fulfilled" ? String(each.value.code) : "cut")).join(", ");
  },
  "selector bombs": async ({ token }) => {
    const session = asTenant(65_535);
    const labels = Array.from({ length: 3_000 }, (_, at) => `!k${at}`).join(",");
    const fields = Array.from({ length: 2_000 }, (_, at) => `metadata.name!=m${at}x`).join(",");
    const paths = [
      `${maps}?limit=1&labelSelector=${encodeURIComponent(`none=x,${labels}`)}`,
      `${maps}?limit=1&fieldSelector=${encodeURIComponent(`metadata.namespace=x,${fields}`)}`,
      `${maps}?watch=1&fieldSelector=__defineGetter__%3Dx`,
    ];
    const answers = await Promise.all(paths.flatMap((path) => [1, 2, 3].map(() => ask(session, { path, token }))));
    session.destroy();
    return answers.map(({ code }) => code).join(", ");
  },
  "large bodies": async ({ token }) => {
    const session = asTenant(65_535);
    const labels = Object.fromEntries(Array.from({ length: 100_000 }, (_, at) => [`label-${at}`, "value"]));
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "labels", namespace, labels } };
    const unknown = Object.fromEntries(Array.from({ length: 150_000 }, (_, at) => [`unknown${at}`, 1]));
    const answers: number[] = [];
    for (const body of [object, { ...object, metadata: { name: "unknown" }, ...unknown }])
      answers.push((await ask(session, { method: "POST", path: maps, token, body })).code);
    session.destroy();
    return answers.join(", ");
  },
  "odd paths": async () => {
    const session = asTenant(65_535);
    const long = "x".repeat(20_000);
    for (let at = 0; at < 2_000; at += 50)
      await Promise.all(
        Array.from({ length: 50 }, (_, more) => ask(session, { path: `/apis/g${at + more}${long}/v1/odd` })),
      );
    session.destroy();
    return "2000 asked";
  },
  "costly columns": async ({ admin }) => {
    const group = `${namespace}.example.com`;
    const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
    const names = { plural: "costs", kind: "Cost" };
    const columns = (jsonPath: string, count: number): object[] =>
      Array.from({ length: count }, (_, at) => ({ name: `c${at}`, type: "string", jsonPath }));
    const definition = (additionalPrinterColumns: object[]): object => ({
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: `costs.${group}` },
      spec: {
        group,
        scope: "Cluster",
        names,
        versions: [{ name: "v1", served: true, storage: true, schema, additionalPrinterColumns }],
      },
    });
    const wide = await ask(admin, { method: "POST", path: definitions, body: definition(columns("..*", 3_000)) });
    const made = await ask(admin, { method: "POST", path: definitions, body: definition(columns("..*..*", 64)) });
    await sleep(1_000);
    const path = `/apis/${group}/v1/costs`;
    const spec = { x: Array.from({ length: 30_000 }, () => ({ a: [1] })) };
    const body = { apiVersion: `${group}/v1`, kind: "Cost", metadata: { name: "a" }, spec };
    await ask(admin, { method: "POST", path, body });
    const table = await ask(admin, { path, headers: { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" } });
    await ask(admin, { method: "DELETE", path: `${definitions}/costs.${group}` });
    return [wide, made, table].map(({ code }) => code).join(", ");
  },
};

async function change(admin: ClientHttp2Session, at: number, sizeBytes: number): Promise<void> {
  const headers = { "content-type": "application/merge-patch+json" };
  const body = { data: { k: String(at).padEnd(sizeBytes, "x") } };
  await ask(admin, { method: "PATCH", path: `${maps}/changing`, body, headers });
}

async function prepare(admin: ClientHttp2Session): Promise<Tenant> {
  const post = (path: string, body: object): Promise<Answered> => ask(admin, { method: "POST", path, body });
  await post("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
  const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  await post(accounts, { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "eve" } });
  await post(`/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`, {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { name: "eve" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "admin" },
    subjects: [{ kind: "ServiceAccount", name: "eve", namespace }],
  });
  const request = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} };
  const { text } = await post(`${accounts}/eve/token`, request);
  // Holds because the API answers a TokenRequest with one.
  const { token } = (JSON.parse(text) as { status: { token: string } }).status;
  const map = (name: string, data: object): object => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name },
    data,
  });
  await post(maps, map("large", { k: "x".repeat(900_000) }));
  await post(maps, map("changing", {}));
  for (let at = 0; at < 5_000; at += 50)
    await Promise.all(
      Array.from({ length: 50 }, (_, more) => post(maps, map(`m${at + more}`, { k: "x".repeat(1_000) }))),
    );
  return { admin, token };
}

const promised = "others are served, memory is bounded";

/** Every attack of a client, one after another. */
export async function* clientAttacks(attacked: Attacked, isWanted: IsWanted): AsyncGenerator<Row> {
  ({ target } = attacked);
  const admin = open();
  const tenant = await prepare(admin);
  const told = async (attack: Attack): Promise<AttackOutcome> => ({ outcome: await attack(tenant), broken: false });
  const all: Readonly<Record<string, () => Promise<AttackOutcome>>> = Object.fromEntries([
    ...Object.entries(attacks).map(([name, attack]) => [name, () => told(attack)] as const),
    ...Object.entries({ ...hostileHeads, ...largeObjects }).map(
      ([name, attack]) => [name, () => attack(target)] as const,
    ),
  ]);
  for (const [what, attack] of Object.entries(all)) {
    const name = `clients: ${what}`;
    if (isWanted(name)) yield await observed(attacked, { name, promised }, attack);
  }
  admin.destroy();
  // On a connection of its own: the other may have been cut meanwhile.
  const leaving = open();
  await ask(leaving, { method: "DELETE", path: `/api/v1/namespaces/${namespace}` });
  leaving.destroy();
}
