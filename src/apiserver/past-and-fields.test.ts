/** Pages of a state that is over, and what is selected by fields: right, and without asking the store or each other. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openMemoryStore } from "#storage/memory.ts";
import type { RangeRequest, Store } from "#storage/store.ts";
import { TestApiServer, type TestAnswer } from "#testing/api-server.ts";
import { pastViewLimits } from "./watch-cache/past-views.ts";

const maps = "/api/v1/namespaces/default/configmaps";
const pods = "/api/v1/namespaces/default/pods";

function configMap(name: string): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name } };
}

function pod(name: string, nodeName = ""): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: { containers: [{ name: "main", image: "main" }], ...(nodeName === "" ? {} : { nodeName }) },
  };
}

function namesOf(list: TestAnswer): string[] {
  // Holds because the answer is a list.
  return (list.at("items") as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name);
}

interface Read {
  readonly request: RangeRequest;
  readonly entries: number;
}

/** A store that tells how it was read. */
function watchedStore(): { readonly store: Store; readonly reads: Read[] } {
  const inner = openMemoryStore();
  const reads: Read[] = [];
  const range: Store["range"] = async (request) => {
    const answer = await inner.range(request);
    reads.push({ request, entries: answer.entries.length });
    return answer;
  };
  const store = new Proxy(inner, {
    get: (target, name) => {
      if (name === "range") return range;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { store, reads };
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `m${String(at).padStart(4, "0")}`);
}

async function pagesOf(
  server: TestApiServer,
  target: string,
  change: (page: number) => Promise<void>,
): Promise<string[]> {
  const names: string[] = [];
  let token = "";
  for (let page = 1; page === 1 || token !== ""; page += 1) {
    const answer = await server.ask(`GET ${target}${token === "" ? "" : `&continue=${token}`}`);
    assert.equal(answer.code, 200, answer.text);
    names.push(...namesOf(answer));
    const next = answer.at("metadata.continue");
    token = typeof next === "string" ? next : "";
    await change(page);
  }
  return names;
}

test("the pages of a list come from memory, also while objects change", async () => {
  const { store, reads } = watchedStore();
  const server = new TestApiServer({ store });
  const names = numbered(100);
  for (const name of names) await server.ask(`POST ${maps}`, { body: configMap(name) });
  const before = reads.length;
  const listed = await pagesOf(server, `${maps}?limit=10`, async (page) => {
    await server.ask(`DELETE ${maps}/m00${String(99 - page)}`);
    await server.ask(`POST ${maps}`, { body: configMap(`n${String(page)}`) });
  });
  assert.deepEqual(listed, names);
  assert.deepEqual(reads.slice(before), []);
});

test("a page that only the store knows is read no further than it goes", async () => {
  const { store, reads } = watchedStore();
  const server = new TestApiServer({ store });
  const names = numbered(50);
  for (const name of names) await server.ask(`POST ${maps}`, { body: configMap(name) });
  const first = await server.ask(`GET ${maps}?limit=10`);
  // So many other lists are begun that the first one's state is let go of.
  for (let at = 0; at < pastViewLimits.viewsMax; at += 1) {
    await server.ask(`POST ${maps}`, { body: configMap(`n${String(at).padStart(3, "0")}`) });
    await server.ask(`GET ${maps}?limit=10`);
  }
  const before = reads.length;
  const second = await server.ask(`GET ${maps}?limit=10&continue=${String(first.at("metadata.continue"))}`);
  assert.deepEqual(namesOf(second), names.slice(10, 20));
  assert.equal(second.at("metadata.remainingItemCount"), 30);
  assert.deepEqual(
    reads.slice(before).map(({ entries }) => entries),
    [10],
  );
  const labelled = await server.ask(
    `GET ${maps}?limit=10&labelSelector=a%21%3Db&continue=${String(first.at("metadata.continue"))}`,
  );
  assert.deepEqual(namesOf(labelled), names.slice(10, 20));
});

test("pods are listed by their node, also those that came to it or left it", async () => {
  const server = new TestApiServer();
  await server.ask(`POST ${pods}`, { body: pod("a", "one") });
  await server.ask(`POST ${pods}`, { body: pod("b", "two") });
  await server.ask(`POST ${pods}`, { body: pod("c") });
  const ofOne = async (): Promise<string[]> =>
    namesOf(await server.ask("GET /api/v1/pods?fieldSelector=spec.nodeName%3Done"));
  assert.deepEqual(await ofOne(), ["a"]);
  const bound = await server.ask(`POST ${pods}/c/binding`, {
    body: { apiVersion: "v1", kind: "Binding", metadata: { name: "c" }, target: { kind: "Node", name: "one" } },
  });
  assert.equal(bound.code, 201, bound.text);
  assert.deepEqual(await ofOne(), ["a", "c"]);
  await server.ask(`DELETE ${pods}/a?gracePeriodSeconds=0`);
  assert.deepEqual(await ofOne(), ["c"]);
  assert.deepEqual(
    namesOf(await server.ask(`GET /api/v1/namespaces/other/pods?fieldSelector=spec.nodeName%3Done`)),
    [],
  );
});

test("who watches by a field hears of what comes to its value and leaves it, and of nothing else", async () => {
  const server = new TestApiServer();
  const one = server.watch("/api/v1/pods?watch=1&fieldSelector=spec.nodeName%3Done");
  const none = server.watch(`${pods}?watch=1&fieldSelector=spec.nodeName%3D`);
  const named = server.watch("/api/v1/pods?watch=1&fieldSelector=metadata.name%3Dc");
  await server.ask(`POST ${pods}`, { body: pod("c") });
  await server.ask(`POST ${pods}`, { body: pod("d", "two") });
  await server.ask(`POST ${pods}/c/binding`, {
    body: { apiVersion: "v1", kind: "Binding", metadata: { name: "c" }, target: { kind: "Node", name: "one" } },
  });
  await server.ask(`DELETE ${pods}/c?gracePeriodSeconds=0`);
  const typesOf = (lines: readonly string[]): string[] =>
    lines.map((line) => {
      const { type, object } = JSON.parse(line) as { type: string; object: { metadata: { name: string } } };
      return `${type} ${object.metadata.name}`;
    });
  assert.deepEqual(typesOf(await one.lines(2)), ["ADDED c", "DELETED c"]);
  assert.deepEqual(typesOf(await none.lines(2)), ["ADDED c", "DELETED c"]);
  assert.deepEqual(typesOf(await named.lines(3)), ["ADDED c", "MODIFIED c", "DELETED c"]);
  for (const watch of [one, none, named]) watch.leave();
});

test("a watch that resumes minutes back asks the store for nothing", async () => {
  const server = new TestApiServer();
  const first = await server.ask(`POST ${maps}`, { body: configMap("a") });
  for (const name of numbered(3_000)) await server.ask(`POST ${maps}`, { body: configMap(name) });
  const { store } = server.api.server;
  const watched: number[] = [];
  const inner = store.watch.bind(store);
  store.watch = (request, listener, signal) => {
    watched.push(request.afterRevision);
    return inner(request, listener, signal);
  };
  const resumed = server.watch(`${maps}?watch=1&resourceVersion=${String(first.at("metadata.resourceVersion"))}`);
  assert.equal((await resumed.lines(3_000)).length, 3_000);
  assert.deepEqual(watched, []);
  resumed.leave();
});
