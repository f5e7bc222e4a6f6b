/**
 * A tenant who makes much of little: counts that no cluster has, selectors, texts and patches that cost more than they
 * are long, and owners that lead in circles. Each has a control that succeeds.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Api } from "./api.ts";
import { observed, type AttackOutcome } from "./observed.ts";
import type { IsWanted, Row } from "./report.ts";
import type { AttackedServer } from "./server.ts";

const namespace = "attack-tenants";
const at = `/api/v1/namespaces/${namespace}`;
const apps = `/apis/apps/v1/namespaces/${namespace}`;
const merge = "application/merge-patch+json";
const jsonPatch = "application/json-patch+json";
const goneMs = 60_000;
const pollMs = 250;
const atOnce = 25;
// No node has it: what is attacked is who makes and counts pods, not who runs them.
const nodeSelector = { nowhere: "nowhere" };

type Attack = (api: Api) => Promise<AttackOutcome>;

function list<T>(count: number, make: (index: number) => T): readonly T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

/** The reason when the first thing that must hold does not; else what was seen. */
function held(outcome: string, faults: Readonly<Record<string, boolean>>): AttackOutcome {
  const found = Object.entries(faults).flatMap(([fault, is]) => (is ? [fault] : []));
  return { outcome: [outcome, ...found].join("; "), broken: found.length > 0 };
}

/** How many there are, also when they are more than one answer has. */
async function countOf(api: Api, path: string): Promise<number> {
  const { code, text } = await api.ask(`GET ${path}?limit=1`);
  if (code !== 200) throw new Error(`expected a list at ${path}, found ${code} ${text.slice(0, 200)}`);
  // Holds because the API answers with a list.
  const { metadata, items } = JSON.parse(text) as {
    readonly metadata: { readonly remainingItemCount?: number };
    readonly items: readonly unknown[];
  };
  return items.length + (metadata.remainingItemCount ?? 0);
}

/** Resolves with the seconds it took, or undefined when it did not hold in time. */
async function within(holds: () => Promise<boolean>): Promise<number | undefined> {
  const startMs = performance.now();
  while (performance.now() - startMs < goneMs) {
    if (await holds()) return (performance.now() - startMs) / 1_000;
    await sleep(pollMs);
  }
  return undefined;
}

const shown = (seconds: number | undefined): string => (seconds === undefined ? "never" : `${seconds.toFixed(1)} s`);

/** Another client's writes for as long as something goes on. */
async function writesDuring(
  api: Api,
  done: Promise<unknown>,
): Promise<{ readonly refused: number; readonly longestMs: number }> {
  const ended = new AbortController();
  const stop = (): void => ended.abort();
  done.then(stop, stop);
  let [refused, longestMs] = [0, 0];
  for (let index = 0; !ended.signal.aborted; index += 1) {
    const startMs = performance.now();
    const { code } = await api.ask(`PATCH /api/v1/namespaces/default`, {
      body: { metadata: { annotations: { "attack.example.com/index": String(index) } } },
      type: merge,
    });
    longestMs = Math.max(longestMs, performance.now() - startMs);
    if (code !== 200) refused += 1;
    await sleep(50);
  }
  return { refused, longestMs };
}

function deployment(name: string, replicas: number): object {
  const labels = { app: name };
  const spec = { nodeSelector, automountServiceAccountToken: false, containers: [{ name: "main", image: "none" }] };
  return {
    metadata: { name },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  };
}

async function replicas(api: Api): Promise<AttackOutcome> {
  const inner = `${namespace}-replicas`;
  const counts = async (place: string): Promise<string> => {
    const paths = [`/api/v1/namespaces/${place}/pods`, `/apis/apps/v1/namespaces/${place}/replicasets`];
    return (await Promise.all(paths.map((path) => countOf(api, path)))).join();
  };
  await api.ask("POST /api/v1/namespaces", { body: { metadata: { name: inner } } });
  await api.ask(`POST ${apps}/deployments`, { body: deployment("modest", 3) });
  const modest = await within(async () => (await counts(namespace)) === "3,1");
  const endless = `/apis/apps/v1/namespaces/${inner}/deployments`;
  const played = async (): Promise<{ readonly made: number; readonly seconds: number | undefined }> => {
    await api.ask(`POST ${endless}`, { body: deployment("endless", 2_147_483_647) });
    await sleep(4_000);
    const made = await countOf(api, `/api/v1/namespaces/${inner}/pods`);
    await api.ask(`DELETE ${endless}/endless`);
    return { made, seconds: await within(async () => (await counts(inner)) === "0,0") };
  };
  const playing = played();
  const { refused, longestMs } = await writesDuring(api, playing);
  const { made, seconds } = await playing;
  const kept = (await counts(namespace)) === "3,1";
  await api.ask(`DELETE ${apps}/deployments/modest`);
  await api.ask(`DELETE /api/v1/namespaces/${inner}`);
  return held(`${made} pods made, gone after ${shown(seconds)}; another's write took ${longestMs.toFixed(0)} ms`, {
    "a modest one got no pods": modest === undefined,
    "a modest one LOST its pods": !kept,
    "none was made": made === 0,
    "its pods and ReplicaSets STAYED": seconds === undefined,
    [`${refused} writes of another were REFUSED`]: refused > 0,
  });
}

async function budget(api: Api): Promise<AttackOutcome> {
  const pod = (index: number): object => ({
    metadata: { name: `counted-${index}`, labels: { app: "counted" } },
    spec: { nodeSelector, automountServiceAccountToken: false, containers: [{ name: "main", image: "none" }] },
  });
  const all = list(500, (index) => index);
  for (let first = 0; first < all.length; first += atOnce)
    await Promise.all(
      all.slice(first, first + atOnce).map((index) => api.ask(`POST ${at}/pods`, { body: pod(index) })),
    );
  const budgets = `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`;
  const matchExpressions = [
    ...list(4_999, (index) => ({ key: `k${index}`, operator: "DoesNotExist" })),
    { key: "app", operator: "In", values: ["counted"] },
  ];
  const { code } = await api.ask(`POST ${budgets}`, {
    body: { metadata: { name: "wide" }, spec: { minAvailable: 1, selector: { matchExpressions } } },
  });
  for (let first = 0; first < all.length; first += atOnce)
    await Promise.all(
      all.slice(first, first + atOnce).map((index) =>
        api.ask(`PATCH ${at}/pods/counted-${index}`, {
          body: { metadata: { annotations: { a: "b" } } },
          type: merge,
        }),
      ),
    );
  const seconds = await within(async () => {
    const { text } = await api.ask(`GET ${budgets}/wide`);
    return text.includes('"expectedPods":500');
  });
  await api.ask(`DELETE ${budgets}/wide`);
  await api.ask(`DELETE ${at}/pods?gracePeriodSeconds=0`);
  return held(`${code}, counts 500 pods after ${shown(seconds)}`, { "it does NOT count them": seconds === undefined });
}

async function aliases(api: Api): Promise<AttackOutcome> {
  const map = (name: string, data: string): string =>
    `kind: ConfigMap\napiVersion: v1\nmetadata: {name: ${name}}\n${data}`;
  const laughs = list(30, (index) => `  a${index + 1}: &a${index + 1} [*a${index}, *a${index}]`).join("\n");
  const texts = [
    map("itself", "data: &a\n  a: *a\n"),
    map("circle", "data: &a {a: &b [*a, *b]}\n"),
    map("many", `data:\n  a0: &a0 [x]\n${laughs}\n`),
    map("labels", "data: {}\nmetadata: &m {name: labels, labels: *m}\n"),
  ];
  const type = "application/yaml";
  const codes: number[] = [];
  for (const body of texts) codes.push((await api.ask(`POST ${at}/configmaps`, { body, type })).code);
  const good = await api.ask(`POST ${at}/configmaps`, { body: map("good", "data: {a: &a text, b: *a}\n"), type });
  // There is nothing in it yet when it is merged into itself.
  const merged = await api.ask(`POST ${at}/configmaps`, { body: map("merged", "data: &a\n  <<: *a\n  a: b\n"), type });
  const read = good.code === 201 && good.text.includes('"b":"text"');
  return held(`${codes.join(", ")}; merged into itself ${merged.code}; an alias that leads to a text ${good.code}`, {
    "it was NOT read": !read,
    "a merge was a fault": merged.code >= 500,
    "one was TAKEN or was a fault": codes.some((code) => code < 400 || code >= 500),
  });
}

async function patches(api: Api): Promise<AttackOutcome> {
  await api.ask(`POST ${at}/configmaps`, {
    body: { metadata: { name: "patched", annotations: {} }, data: { a: "b" } },
  });
  const deep = "[".repeat(990) + "]".repeat(990);
  const bodies = [
    JSON.stringify([{ op: "add", path: "/data".repeat(12_000), value: "x" }]),
    `[{"op":"add","path":"/data/x","value":${deep}}]`,
    JSON.stringify([{ op: "test", path: `/metadata${"/~0~1".repeat(12_000)}`, value: 1 }]),
    // Each copy holds all before it.
    JSON.stringify([
      { op: "add", path: "/metadata/annotations/t", value: { x: "x".repeat(1_000) } },
      ...list(40, (index) => ({ op: "copy", from: "/metadata/annotations", path: `/metadata/annotations/c${index}` })),
    ]),
    JSON.stringify(list(10_000, () => ({ op: "move", from: "/data", path: "/data/a/b" }))),
    "[".repeat(200_000),
  ];
  const codes: number[] = [];
  for (const body of bodies)
    codes.push((await api.ask(`PATCH ${at}/configmaps/patched`, { body, type: jsonPatch })).code);
  const good = await api.ask(`PATCH ${at}/configmaps/patched`, {
    body: [{ op: "replace", path: "/data/a", value: "c" }],
    type: jsonPatch,
  });
  return held(`${codes.join(", ")}; a plain one ${good.code}`, {
    "it was NOT applied": good.code !== 200 || !good.text.includes('"a":"c"'),
    "one was TAKEN or was a fault": codes.some((code) => code < 400 || code >= 500),
  });
}

async function nested(api: Api): Promise<AttackOutcome> {
  const group = `${namespace}.example.com`;
  const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  const versions = [{ name: "v1", served: true, storage: true, schema }];
  const names = { plural: "deeps", kind: "Deep" };
  await api.ask(`POST ${definitions}`, {
    body: { metadata: { name: `deeps.${group}` }, spec: { group, scope: "Namespaced", names, versions } },
  });
  const path = `/apis/${group}/v1/namespaces/${namespace}/deeps`;
  const served = await within(async () => (await api.ask(`GET ${path}`)).code === 200);
  // More than a double holds, so that who reads it as one is seen.
  const integer = "9007199254740993";
  const body = (name: string, levels: number): string =>
    `{"apiVersion":"${group}/v1","kind":"Deep","metadata":{"name":"${name}"},"spec":${'{"a":'.repeat(levels)}[${integer}]${"}".repeat(levels)}}`;
  const codes: string[] = [];
  let faults = 0;
  for (const levels of [3, 900, 990, 995, 996, 997, 998, 999, 1_000]) {
    const name = `deep-${levels}`;
    const made = await api.ask(`POST ${path}`, { body: body(name, levels) });
    codes.push(`${levels} levels ${made.code}`);
    if (made.code !== 201) {
      if (made.code >= 500 || levels < 900) faults += 1;
      continue;
    }
    const read = await api.ask(`GET ${path}/${name}`);
    const gone = await api.ask(`DELETE ${path}/${name}`);
    const after = await api.ask(`GET ${path}/${name}`);
    if (read.code !== 200 || !read.text.includes(`[${integer}]`) || gone.code !== 200 || after.code !== 404) {
      faults += 1;
      codes.push(`read ${read.code}, deleted ${gone.code}, then ${after.code}`);
    }
  }
  const deleted = await api.ask(`DELETE ${definitions}/deeps.${group}`);
  return held(codes.join(", "), {
    [`${faults} were not as they were written, or STAYED`]: faults > 0,
    "the definition was not served or not deleted": served === undefined || deleted.code !== 200,
  });
}

async function circles(api: Api): Promise<AttackOutcome> {
  const inner = `${namespace}-circles`;
  const maps = `/api/v1/namespaces/${inner}/configmaps`;
  await api.ask("POST /api/v1/namespaces", { body: { metadata: { name: inner } } });
  const size = 5;
  // The first circle; then one object that owns itself; then two that own each other.
  const next = (index: number): number =>
    index < size ? (index + 1) % size : index === size ? size : index === 6 ? 7 : 6;
  const uids: string[] = [];
  for (const index of list(8, (one) => one)) {
    const { text } = await api.ask(`POST ${maps}`, { body: { metadata: { name: `c${index}` } } });
    // Holds because the API answers with what was made.
    uids.push((JSON.parse(text) as { metadata: { uid: string } }).metadata.uid);
  }
  const owned: number[] = [];
  for (const index of list(8, (one) => one)) {
    const [name, uid] = [`c${next(index)}`, uids[next(index)]];
    const ownerReferences = [{ apiVersion: "v1", kind: "ConfigMap", name, uid, blockOwnerDeletion: true }];
    const { code } = await api.ask(`PATCH ${maps}/c${index}`, { body: { metadata: { ownerReferences } }, type: merge });
    owned.push(code);
  }
  await sleep(1_000);
  const before = (await api.ask(`GET ${maps}`)).text.match(/"name":"c\d","namespace"/g)?.length ?? 0;
  const body = { kind: "DeleteOptions", apiVersion: "v1", propagationPolicy: "Foreground" };
  for (const index of list(8, (one) => one)) await api.ask(`DELETE ${maps}/c${index}`, { body });
  await api.ask(`DELETE /api/v1/namespaces/${inner}`);
  const seconds = await within(async () => (await api.ask(`GET /api/v1/namespaces/${inner}`)).code === 404);
  return held(`${before} of 8 in circles, gone with their namespace after ${shown(seconds)}`, {
    "they STAYED": seconds === undefined,
    "not all were made": owned.some((code) => code !== 200) || before !== 8,
  });
}

const attacks: Readonly<Record<string, readonly [promised: string, attack: Attack]>> = {
  "2,147,483,647 replicas, deleted after 4 s": ["all is gone within a minute, others' writes are answered", replicas],
  "a budget of 5,000 requirements beside 500 pods": ["it counts them, others are served", budget],
  "YAML of aliases that lead in circles": ["refused, others are served", aliases],
  "deep JSON patches": ["refused, others are served", patches],
  "custom resources nested to the limit": ["what is taken is read back and deleted", nested],
  "circles of owners deleted in the foreground": ["they go, and their namespace", circles],
};

export async function* tenantAttacks(server: AttackedServer, isWanted: IsWanted): AsyncGenerator<Row> {
  const api = new Api(server.target);
  await api.ask("POST /api/v1/namespaces", { body: { metadata: { name: namespace } } });
  await api.ask(`POST ${at}/serviceaccounts`, { body: { metadata: { name: "default" } } });
  for (const [what, [promised, attack]] of Object.entries(attacks)) {
    const name = `tenants: ${what}`;
    if (isWanted(name)) yield await observed(server, { name, promised }, () => attack(api));
  }
  await api.ask(`DELETE /api/v1/namespaces/${namespace}`);
}
