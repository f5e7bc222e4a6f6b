/** Who writes roles and bindings gives away only what they have. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { TestAnswer } from "#testing/api-server.ts";
import { startClusterApi, type ClusterApi } from "#testing/cluster-api.ts";

const life = new AbortController();
let api: ClusterApi;
const group = "rbac.authorization.k8s.io";
const roles = `/apis/${group}/v1/clusterroles`;
const bindings = `/apis/${group}/v1/clusterrolebindings`;
const merge = { "content-type": "application/merge-patch+json" };
const jane = { user: "jane", organizations: ["staff", "more"] };

const role = (name: string, rules: object[], more: object = {}): object => ({
  kind: "ClusterRole",
  apiVersion: `${group}/v1`,
  metadata: { name },
  rules,
  ...more,
});
const binding = (name: string, to: string, user = "jane"): object => ({
  kind: "ClusterRoleBinding",
  apiVersion: `${group}/v1`,
  metadata: { name },
  roleRef: { apiGroup: group, kind: "ClusterRole", name: to },
  subjects: [{ kind: "User", apiGroup: group, name: user }],
});
const aggregationRule = { clusterRoleSelectors: [{ matchLabels: { "kubernetes.io/bootstrapping": "rbac-defaults" } }] };

const ask = async (line: string, body: object): Promise<TestAnswer> =>
  api.server.ask(line, { body, ...jane, headers: line.startsWith("PATCH") ? merge : {} });

before(async () => {
  api = await startClusterApi(life.signal);
  const writes = {
    apiGroups: [group],
    resources: ["clusterroles", "clusterrolebindings"],
    verbs: ["create", "update", "patch"],
  };
  const reads = { apiGroups: [""], resources: ["pods"], verbs: ["get", "list"] };
  const binds = { apiGroups: [group], resources: ["clusterroles"], resourceNames: ["bindable"], verbs: ["bind"] };
  const escalates = {
    apiGroups: [group],
    resources: ["clusterroles"],
    resourceNames: ["escalable"],
    verbs: ["escalate"],
  };
  const everything = { apiGroups: ["*"], resources: ["*"], verbs: ["*"] };
  for (const body of [
    role("writer", [writes, reads, binds, escalates]),
    role("bindable", [everything]),
    role("escalable", [reads]),
    role("mine", [reads]),
    role("collects", [], { aggregationRule }),
    role("theirs", [everything]),
  ])
    assert.equal((await api.server.ask(`POST ${roles}`, { body })).code, 201);
  assert.equal((await api.server.ask(`POST ${bindings}`, { body: binding("writer", "writer") })).code, 201);
});

after(() => life.abort(new Error("the test is over")));

const reading = { apiGroups: [""], resources: ["pods"], verbs: ["get"] };
const secrets = { apiGroups: [""], resources: ["secrets"], verbs: ["get", "list"] };
const isAdministrators = "must have cluster-admin privileges to use the aggregationRule";

const requests: readonly (readonly [what: string, line: string, body: object, code: number, message?: string])[] = [
  ["a role of rights one has", `POST ${roles}`, role("a", [reading]), 201],
  [
    "a role of rights one lacks",
    `POST ${roles}`,
    role("b", [reading, secrets]),
    403,
    `clusterroles.${group} "b" is forbidden: user "jane" (groups=["staff" "more" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}`,
  ],
  ["a new role that aggregates", `POST ${roles}`, role("c", [], { aggregationRule }), 403, isAdministrators],
  ["aggregation for one's own role", `PATCH ${roles}/mine`, { aggregationRule }, 403, isAdministrators],
  [
    "a label for a role that aggregates",
    `PATCH ${roles}/collects`,
    { metadata: { labels: { a: "b" } } },
    403,
    isAdministrators,
  ],
  ["no aggregation any more", `PATCH ${roles}/collects`, { aggregationRule: null }, 403, isAdministrators],
  ["a label for a role of rights one lacks", `PATCH ${roles}/theirs`, { metadata: { labels: { a: "b" } } }, 403],
  [
    "finalizers of a role of rights one lacks",
    `PATCH ${roles}/theirs`,
    { metadata: { finalizers: ["a.example/b"] } },
    200,
  ],
  ["more rights for a role one may escalate", `PATCH ${roles}/escalable`, { rules: [secrets] }, 200],
  ["a binding to rights one has", `POST ${bindings}`, binding("d", "mine"), 201],
  ["a binding to rights one lacks", `POST ${bindings}`, binding("e", "theirs"), 403],
  ["a binding to a role one may bind", `POST ${bindings}`, binding("f", "bindable", "joe"), 201],
  ["a subject for a binding one may not make", `PATCH ${bindings}/cluster-admin`, { subjects: [] }, 403],
  ["a binding to no role", `POST ${bindings}`, binding("g", "ghost"), 404, `clusterroles.${group} "ghost" not found`],
];

for (const [what, line, body, code, message] of requests)
  test(`who may write roles asks for ${what} and gets ${code}`, async () => {
    const answer = await ask(line, body);
    assert.equal(answer.code, code, answer.text);
    if (message !== undefined) assert.ok(String(answer.at("message")).endsWith(message), answer.text);
  });

test("one small role of 27 million combinations is answered at once", async () => {
  const many = (prefix: string): string[] => Array.from({ length: 300 }, (_, at) => `${prefix}${at}`);
  const startMs = performance.now();
  const answer = await ask(
    `POST ${roles}`,
    role("huge", [{ apiGroups: many("g"), resources: many("r"), verbs: many("v") }]),
  );
  assert.equal(answer.code, 403);
  assert.ok(performance.now() - startMs < 2_000);
});
