/** How paths are read for authorizers, and which of them are served: as upstream has it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { TestApiServer } from "#testing/api-server.ts";
import type { Attributes } from "./access.ts";
import { attributesOf, understand } from "./request-info.ts";

const user = { name: "jane", groups: [] };
const core = "/api/v1";
const t1 = `${core}/namespaces/t1`;

function asked(line: string): string {
  const [method = "", target = ""] = line.split(" ");
  const [path = "", query = ""] = target.split("?");
  const head = { method, path, query, header: () => undefined };
  const attributes: Attributes = attributesOf(understand(head), user);
  if (attributes.kind === "path") return `${attributes.verb} path ${attributes.path}`;
  const { verb, group, namespace, resource, name, subresource, fieldSelector } = attributes;
  const what = [group, namespace, resource, name, subresource].map((part) => (part === "" ? "-" : part)).join(" ");
  return `${verb} ${what}${fieldSelector === "" ? "" : ` where ${fieldSelector}`}`;
}

// A line, what the authorizer is asked (verb, group, namespace, resource, name, subresource), and the code for an
// administrator when namespace t1, its pod "web" and namespace "victim" exist.
const table: readonly (readonly [line: string, asked: string, code: number])[] = [
  [`GET ${core}/namespaces`, "list - - namespaces - -", 200],
  [`DELETE ${core}/namespaces`, "deletecollection - - namespaces - -", 405],
  [`GET ${t1}`, "get - t1 namespaces t1 -", 200],
  [`GET ${t1}/status`, "get - t1 namespaces t1 status", 200],
  [`GET ${t1}/finalize`, "get - t1 namespaces t1 finalize", 405],
  [`GET ${t1}/namespaces`, "list - t1 namespaces - -", 404],
  [`POST ${t1}/namespaces`, "create - t1 namespaces - -", 404],
  [`GET ${t1}/namespaces/victim`, "get - t1 namespaces victim -", 404],
  [`GET ${t1}/namespaces/t1`, "get - t1 namespaces t1 -", 404],
  [`DELETE ${t1}/namespaces/victim`, "delete - t1 namespaces victim -", 404],
  [`PATCH ${t1}/namespaces/victim`, "patch - t1 namespaces victim -", 404],
  [`PUT ${t1}/namespaces/victim/finalize`, "update - t1 namespaces victim finalize", 404],
  [`PUT ${t1}/namespaces/victim/status`, "update - t1 namespaces victim status", 404],
  [`DELETE ${t1}/namespaces`, "deletecollection - t1 namespaces - -", 404],
  [`GET ${t1}/status/victim`, "get - t1 namespaces t1 status", 404],
  [`GET ${t1}/nodes`, "list - t1 nodes - -", 404],
  [`GET ${t1}/nodes/n`, "get - t1 nodes n -", 404],
  [`GET ${t1}/nodes/n/proxy/x`, "get - t1 nodes n proxy", 404],
  [`GET ${t1}/persistentvolumes`, "list - t1 persistentvolumes - -", 404],
  [
    "GET /apis/rbac.authorization.k8s.io/v1/namespaces/t1/clusterroles/x",
    "get rbac.authorization.k8s.io t1 clusterroles x -",
    404,
  ],
  ["GET /apis/apps/v1/namespaces/t1", "get apps t1 namespaces t1 -", 404],
  ["GET /apis/apps/v1/namespaces/t1/namespaces/x", "get apps t1 namespaces x -", 404],
  [`GET ${t1}/pods`, "list - t1 pods - -", 200],
  [`GET ${t1}/pods/web`, "get - t1 pods web -", 200],
  [`GET ${t1}/pods/web/`, "get - t1 pods web -", 200],
  [`GET ${t1}/pods//`, "list - t1 pods - -", 200],
  [`GET ${t1}/pods//status`, "list - t1 pods - status", 404],
  [`GET ${t1}/pods/web/status`, "get - t1 pods web status", 200],
  [`GET ${t1}/pods/web/status/more`, "get - t1 pods web status", 404],
  [`GET ${t1}/pods/status`, "get - t1 pods status -", 404],
  [`GET /${t1}/pods/web`, "get - t1 pods web -", 404],
  [`GET ${core}/namespaces//pods`, "list - - pods - -", 404],
  [`GET ${core}//pods`, "get - - - pods -", 404],
  ["GET /apis//v1/pods", "list - - pods - -", 404],
  [`GET ${core}/pods`, "list - - pods - -", 200],
  [`GET ${core}/pods/web`, "get - - pods web -", 404],
  [`POST ${core}/pods`, "create - - pods - -", 405],
  [`DELETE ${core}/pods`, "deletecollection - - pods - -", 405],
  [`GET ${core}/pods?watch=False`, "list - - pods - -", 200],
  [`GET ${t1}/pods?fieldSelector=metadata.name%3Dweb`, "list - t1 pods web - where metadata.name=web", 200],
  [`DELETE ${t1}/pods?fieldSelector=metadata.name%3Dno`, "deletecollection - t1 pods - - where metadata.name=no", 200],
  [`GET ${t1}/pods?fieldSelector=metadata.name%3Da%2Fb`, "list - t1 pods - - where metadata.name=a/b", 200],
  [`POST ${core}/watch/pods`, "watch - - pods - -", 405],
  [`DELETE ${core}/watch/namespaces/t1/pods/web`, "watch - t1 pods web -", 405],
  [`GET ${core}/watch/namespaces/t1/namespaces/victim`, "watch - t1 namespaces victim -", 404],
  [`GET ${core}/watch/namespaces/t1/pods/web/status`, "watch - t1 pods web status", 404],
  [`GET ${core}/proxy/nodes/n`, "proxy - - nodes n -", 404],
  [`GET ${core}/proxy/namespaces/t1/pods/web/x/y`, "proxy - t1 pods web -", 404],
  [`GET ${core}/namespaces/t1%2Fpods/web`, "get - t1 pods web -", 200],
  [`GET ${core}/namespaces/t1/pods%2Fweb`, "get - t1 pods web -", 200],
  [`GET ${core}/n%61mespaces/t1/namespaces/victim`, "get - t1 namespaces victim -", 404],
  [`GET ${t1}%2F..%2Fvictim/pods`, "get - t1 .. victim pods", 404],
  [`GET ${t1}/../victim/pods`, "get - t1 .. victim pods", 404],
  [`GET ${core}/namespaces/../pods/web`, "get - .. pods web -", 404],
  [`GET ${t1}/./pods`, "get - t1 . pods -", 404],
  [`GET ${t1}/pods/..`, "get - t1 pods .. -", 404],
  ["GET /apis/apps", "get path /apis/apps", 200],
  ["GET /api/v1/", "get path /api/v1/", 200],
  ["GET /livez", "get path /livez", 200],
  ["GET /live%7A", "get path /livez", 200],
];

const server = new TestApiServer();
const ready = (async () => {
  for (const name of ["t1", "victim"])
    await server.ask(`POST ${core}/namespaces`, { body: { kind: "Namespace", apiVersion: "v1", metadata: { name } } });
  const spec = { containers: [{ name: "c", image: "i" }] };
  await server.ask(`POST ${t1}/pods`, { body: { kind: "Pod", apiVersion: "v1", metadata: { name: "web" }, spec } });
})();

for (const [line, attributes, code] of table)
  test(`${line} is authorized as "${attributes}" and answered with ${code}`, async () => {
    assert.equal(asked(line), attributes);
    await ready;
    assert.equal((await server.ask(line)).code, code);
  });

test("watches of the older form offer authorizers no selectors to rely on", () => {
  const target = `${core}/watch/pods?fieldSelector=metadata.name%3Dweb`;
  assert.equal(asked(`GET ${target}`), "watch - - pods - -");
});

for (const [what, line, message] of [
  ["a prefix without a resource", `GET ${core}/watch`, /expected a resource after/],
  ["an escape that is none", `GET ${t1}%zz`, /valid percent escapes/],
  ["a query of more parameters than any client sends", `GET ${core}/pods?${"a&".repeat(20_000)}`, /at most 10000/],
] as const)
  test(`${what} is refused with 400`, async () => {
    const answer = await server.ask(line);
    assert.equal(answer.code, 400);
    assert.match(answer.text, message);
  });
