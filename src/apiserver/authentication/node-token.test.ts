/** The tokens a node gets: for its own pods, and for audiences they ask for. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { TokenRequest } from "#resources/authentication/token-request.ts";
import { startClusterApi, type ClusterApi } from "#testing/cluster-api.ts";
import { checkNodeToken } from "./node-token.ts";

const life = new AbortController();
let api: ClusterApi;
const uids = new Map<string, string>();

before(async () => {
  api = await startClusterApi(life.signal);
  const account = { kind: "ServiceAccount", apiVersion: "v1", metadata: { name: "default" } };
  await api.server.ask("POST /api/v1/namespaces/default/serviceaccounts", { body: account });
  const token = { name: "t", projected: { sources: [{ serviceAccountToken: { path: "t", audience: "vault" } }] } };
  for (const [name, nodeName] of [
    ["mine", "a"],
    ["theirs", "b"],
    ["waiting", undefined],
  ] as const) {
    const spec = { containers: [{ name: "c", image: "i" }], nodeName, volumes: [token] };
    const body = { kind: "Pod", apiVersion: "v1", metadata: { name }, spec };
    const made = await api.server.ask("POST /api/v1/namespaces/default/pods", { body });
    uids.set(name, String(made.at("metadata.uid")));
  }
});

after(() => life.abort(new Error("the test is over")));

const rows: readonly (readonly [
  what: string,
  pod: string | undefined,
  audiences: string[],
  refusal: RegExp | undefined,
])[] = [
  ["its own pod and the API", "mine", [], undefined],
  ["its own pod and an audience the pod asks for", "mine", ["vault"], undefined],
  [
    "its own pod and an audience the pod does not ask for",
    "mine",
    ["aws"],
    /audience "aws" not found in pod spec volume, system:node:a is not authorized/,
  ],
  ["two audiences at once", "mine", ["vault", ""], /node may only request 0 or 1 audiences/],
  ["a pod on another node", "theirs", [], /bound to a pod scheduled on a different node/],
  ["a pod on no node", "waiting", [], /bound to a pod scheduled on a different node/],
  ["no pod", undefined, [], /token not bound to a pod/],
  ["a pod that is not there", "ghost", [], /pods "ghost" not found/],
];

for (const [what, name, audiences, refusal] of rows)
  test(`a node ${refusal ? "gets no" : "gets a"} token for ${what}`, async () => {
    const boundObjectRef =
      name === undefined ? undefined : { apiVersion: "v1", kind: "Pod", name, uid: uids.get(name) ?? "gone" };
    const checked = checkNodeToken(
      { client: api.client, authorizer: { authorize: () => ({ kind: "unsure", reason: "" }) } },
      {
        user: { name: "system:node:a", groups: ["system:nodes"] },
        node: "a",
        key: { namespace: "default", name: "default" },
        // Holds for what is looked at.
        request: { spec: { audiences, boundObjectRef } } as unknown as TokenRequest,
      },
    );
    if (refusal) await assert.rejects(checked, refusal);
    else await checked;
  });
