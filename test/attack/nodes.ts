/** Hostile nodes: first with the join token alone, then with a node's own certificate. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createRequest, issue, newKey } from "#wire/x509.ts";
import { Api, type Answered, type Asked } from "./api.ts";
import { observed, type AttackOutcome } from "./observed.ts";
import type { IsWanted, Row } from "./report.ts";
import type { AttackedServer } from "./server.ts";

const namespace = "attack-nodes";
const evil = "evil";
const hourMs = 3_600_000;

interface Stage {
  readonly admin: Api;
  /** The node that is ours. */
  readonly node: Api;
  readonly token: string;
}

/** What is tried, and what is refused. Whatever else comes back is a right that was gained. */
type Try = readonly [what: string, line: string, asked?: Asked];

const strategic = "application/strategic-merge-patch+json";
const merge = "application/merge-patch+json";

function pod(name: string, more: object = {}, about: object = {}): object {
  const containers = [{ name: "main", image: "a" }];
  return { apiVersion: "v1", kind: "Pod", metadata: { name, ...about }, spec: { containers, ...more } };
}

const mirror = { annotations: { "kubernetes.io/config.mirror": "a" } };
const secretVolume = { volumes: [{ name: "a", secret: { secretName: "victim" } }], nodeName: evil };

const tries: Readonly<Record<string, readonly Try[]>> = {
  "mirror pods that refer to others' objects": [
    ["a Secret", `POST /api/v1/namespaces/${namespace}/pods`, { body: pod("m1", secretVolume, mirror) }],
    [
      "a token",
      `POST /api/v1/namespaces/${namespace}/pods`,
      { body: pod("m2", { nodeName: evil, serviceAccountName: "default" }, mirror) },
    ],
    ["no mirror", `POST /api/v1/namespaces/${namespace}/pods`, { body: pod("m3", { nodeName: evil }) }],
    [
      "another node's",
      `POST /api/v1/namespaces/${namespace}/pods`,
      { body: pod("m4", { nodeName: "server" }, mirror) },
    ],
  ],
  "objects of others": [
    ["a Secret", `GET /api/v1/namespaces/${namespace}/secrets/victim`],
    ["all Secrets", "GET /api/v1/secrets"],
    ["a ConfigMap", `GET /api/v1/namespaces/${namespace}/configmaps/victim`],
    [
      "a pod's words",
      `PATCH /api/v1/namespaces/${namespace}/pods/victim/status`,
      { body: { status: { phase: "Failed" } }, type: merge },
    ],
    ["a pod", `DELETE /api/v1/namespaces/${namespace}/pods/victim`],
    [
      "an eviction",
      `POST /api/v1/namespaces/${namespace}/pods/victim/eviction`,
      { body: { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: "victim" } } },
    ],
    [
      "a token of a pod elsewhere",
      `POST /api/v1/namespaces/${namespace}/serviceaccounts/default/token`,
      {
        body: {
          apiVersion: "authentication.k8s.io/v1",
          kind: "TokenRequest",
          spec: { boundObjectRef: { kind: "Pod", apiVersion: "v1", name: "victim" } },
        },
      },
    ],
    [
      "a token of nobody",
      `POST /api/v1/namespaces/${namespace}/serviceaccounts/default/token`,
      { body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} } },
    ],
    ["a lease of another", "DELETE /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/victim"],
    [
      "roles",
      `POST /apis/rbac.authorization.k8s.io/v1/clusterrolebindings`,
      {
        body: {
          metadata: { name: "evil" },
          roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
          subjects: [{ kind: "Group", apiGroup: "rbac.authorization.k8s.io", name: "system:nodes" }],
        },
      },
    ],
    [
      "another's name",
      "GET /api/v1/namespaces/kube-system/secrets",
      { headers: { "impersonate-user": "admin", "impersonate-group": "system:masters" } },
    ],
  ],
  "its own Node, made more of": [
    [
      "a range of pods",
      `PATCH /api/v1/nodes/${evil}`,
      { body: { spec: { podCIDR: "10.60.0.0/24", podCIDRs: ["10.60.0.0/24"] } }, type: strategic },
    ],
    ["taints gone", `PATCH /api/v1/nodes/${evil}`, { body: { spec: { taints: [] } }, type: merge }],
    [
      "a label of the control plane",
      `PATCH /api/v1/nodes/${evil}`,
      { body: { metadata: { labels: { "node-restriction.kubernetes.io/a": "b" } } }, type: merge },
    ],
    [
      "an owner",
      `PATCH /api/v1/nodes/${evil}`,
      {
        body: { metadata: { ownerReferences: [{ apiVersion: "v1", kind: "ConfigMap", name: "a", uid: "b" }] } },
        type: merge,
      },
    ],
    ["another Node", "PATCH /api/v1/nodes/other", { body: { metadata: { labels: { a: "b" } } }, type: merge }],
    [
      "a Node under another name",
      "POST /api/v1/nodes",
      { body: { apiVersion: "v1", kind: "Node", metadata: { name: "second" } } },
    ],
  ],
};

/** Refused, as whoever must not get it is: told so, or told that there is no such thing. */
function isRefused({ code }: Answered): boolean {
  return code === 401 || code === 403 || code === 404 || code === 422 || code === 400 || code === 409;
}

async function tried(api: Api, list: readonly Try[]): Promise<AttackOutcome> {
  const got: string[] = [];
  const codes: number[] = [];
  for (const [what, line, asked] of list) {
    const answer = await api.ask(line, asked);
    codes.push(answer.code);
    if (!isRefused(answer)) got.push(`${what}: ${answer.code} ${answer.text.slice(0, 160)}`);
  }
  return { outcome: got.length > 0 ? `GAINED ${got.join("; ")}` : codes.join(", "), broken: got.length > 0 };
}

async function joins({ token }: Stage, server: AttackedServer): Promise<AttackOutcome> {
  const { target } = server;
  const key = newKey();
  const nobody = new Api({ url: target.url, ...(target.ca === undefined ? {} : { ca: target.ca }) });
  const request = (nodeName: string, names: readonly string[] = [nodeName], commonName = `system:node:${nodeName}`) => {
    const subject = { commonName, organizations: ["system:nodes"] };
    return {
      nodeName,
      nodePassword: "p",
      clientRequest: createRequest(key, subject),
      servingRequest: createRequest(key, { ...subject, names }),
    };
  };
  const list: readonly (readonly [string, object | string])[] = [
    ["the server's address", request("n1")],
    ["a user", request("n1", ["n1"], "admin")],
    ["an address of a Service", request("n1", ["n1", "10.241.0.1"])],
    ["another's name", request("n1", ["kubernetes.default.svc"])],
    ["a name of none", request("../n1")],
    ["an inherited name", request("__proto__")],
    ["text", "{".repeat(60_000)],
    ["a list", "[]"],
  ];
  const got: string[] = [];
  for (const authorization of [`Bearer ${token}`, "Bearer __proto__", ""])
    for (const [what, body] of list) {
      const headers = authorization === "" ? {} : { authorization };
      const answer = await nobody.ask("POST /v1-kedge/join", { body, headers });
      if (answer.code < 400 || answer.code >= 500) got.push(`${what}: ${answer.code} ${answer.text.slice(0, 160)}`);
    }
  // The token is for joining: as a user it is nobody.
  const whoami = await new Api({ url: target.url, ...(target.ca === undefined ? {} : { ca: target.ca }), token }).ask(
    "GET /api/v1/nodes",
  );
  if (whoami.code === 200) got.push("the token lists nodes");
  return {
    outcome: got.length > 0 ? `GAINED ${got.join("; ")}` : `${list.length * 3 + 1} refused`,
    broken: got.length > 0,
  };
}

async function prepare(server: AttackedServer): Promise<Stage> {
  const admin = new Api(server.target);
  const folder = join(server.dataFolder, "server");
  const ca = {
    certificate: readFileSync(join(folder, "tls/client-ca.crt"), "utf8"),
    key: readFileSync(join(folder, "tls/client-ca.key"), "utf8"),
  };
  const nowMs = Date.now();
  // What a node that joined has.
  const own = issue(ca, {
    commonName: `system:node:${evil}`,
    organizations: ["system:nodes"],
    usages: ["client"],
    notBeforeMs: nowMs - hourMs,
    notAfterMs: nowMs + hourMs,
  });
  const node = new Api({ ...server.target, certificate: own.certificate, key: own.key });
  const at = `/api/v1/namespaces/${namespace}`;
  await admin.ask("POST /api/v1/namespaces", { body: { metadata: { name: namespace } } });
  for (const kind of ["secrets", "configmaps"])
    await admin.ask(`POST ${at}/${kind}`, { body: { metadata: { name: "victim" } } });
  await admin.ask(`POST ${at}/serviceaccounts`, { body: { metadata: { name: "default" } } });
  await admin.ask(`POST ${at}/pods`, {
    body: pod("victim", { nodeName: "other", automountServiceAccountToken: false }),
  });
  await admin.ask("POST /api/v1/nodes", { body: { apiVersion: "v1", kind: "Node", metadata: { name: "other" } } });
  await node.ask("POST /api/v1/nodes", { body: { apiVersion: "v1", kind: "Node", metadata: { name: evil } } });
  await admin.ask(`PATCH /api/v1/nodes/${evil}`, {
    body: { spec: { taints: [{ key: "a", effect: "NoSchedule" }] } },
    type: merge,
  });
  return { admin, node, token: readFileSync(join(folder, "agent-token"), "utf8").trim() };
}

const promised = "no right beyond the node's own";

export async function* nodeAttacks(server: AttackedServer, isWanted: IsWanted): AsyncGenerator<Row> {
  const stage = await prepare(server);
  const attacks: Readonly<Record<string, () => Promise<AttackOutcome>>> = {
    "joins with the token": () => joins(stage, server),
    ...Object.fromEntries(Object.entries(tries).map(([name, list]) => [name, () => tried(stage.node, list)])),
  };
  for (const [what, attack] of Object.entries(attacks)) {
    const name = `nodes: ${what}`;
    if (isWanted(name)) yield await observed(server, { name, promised }, attack);
  }
  for (const name of [evil, "other"]) await stage.admin.ask(`DELETE /api/v1/nodes/${name}`);
  await stage.admin.ask(`DELETE /api/v1/namespaces/${namespace}`);
}
