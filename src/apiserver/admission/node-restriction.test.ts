/** What a node with good credentials and bad intentions may do: its own work. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { TestAnswer } from "#testing/api-server.ts";
import { startClusterApi, type ClusterApi } from "#testing/cluster-api.ts";

const life = new AbortController();
let api: ClusterApi;
let uid = "";
const node = { user: "system:node:a", organizations: ["system:nodes"] };
const merge = { "content-type": "application/merge-patch+json" };
const pods = "/api/v1/namespaces/default/pods";

const ask = (line: string, body?: object): Promise<TestAnswer> =>
  api.server.ask(line, { ...node, ...(body ? { body } : {}), headers: line.startsWith("PATCH") ? merge : {} });
const post = async (path: string, body: object): Promise<void> => {
  const { code, text } = await api.server.ask(`POST ${path}`, { body });
  assert.equal(code, 201, text);
};

function pod(name: string, spec: object = {}): object {
  const containers = [{ name: "c", image: "i" }];
  return { kind: "Pod", apiVersion: "v1", metadata: { name, labels: { a: "b" } }, spec: { containers, ...spec } };
}

function mirror(spec: object = {}, metadata: object = {}): object {
  const ownerReferences = [{ apiVersion: "v1", kind: "Node", name: "a", uid, controller: true }];
  const annotations = { "kubernetes.io/config.mirror": "hash" };
  const containers = [{ name: "c", image: "i" }];
  const full = { name: "mirror", annotations, ownerReferences, ...metadata };
  return { kind: "Pod", apiVersion: "v1", metadata: full, spec: { nodeName: "a", containers, ...spec } };
}

before(async () => {
  api = await startClusterApi(life.signal);
  await post("/api/v1/namespaces", {
    kind: "Namespace",
    apiVersion: "v1",
    metadata: { name: "kube-node-lease" },
  }).catch(() => undefined);
  await post("/api/v1/namespaces/default/serviceaccounts", {
    kind: "ServiceAccount",
    apiVersion: "v1",
    metadata: { name: "default" },
  });
  for (const name of ["a", "b"]) await post("/api/v1/nodes", { kind: "Node", apiVersion: "v1", metadata: { name } });
  uid = String((await api.server.ask("GET /api/v1/nodes/a")).at("metadata.uid"));
  const claim = { name: "v", persistentVolumeClaim: { claimName: "claim" } };
  const secret = { name: "s", secret: { secretName: "used" } };
  await post(
    pods,
    pod("mine", { nodeName: "a", volumes: [claim, secret], resourceClaims: [{ name: "g", resourceClaimName: "gpu" }] }),
  );
  await post(pods, pod("theirs", { nodeName: "b" }));
  await post(pods, pod("waiting"));
  for (const name of ["used", "other", "of-mirror", "of-volume"])
    await post("/api/v1/namespaces/default/secrets", { kind: "Secret", apiVersion: "v1", metadata: { name } });
  const resources = { requests: { storage: "1Gi" } };
  const spec = { accessModes: ["ReadWriteOnce"], resources, volumeName: "volume", storageClassName: "" };
  await post("/api/v1/namespaces/default/persistentvolumeclaims", {
    kind: "PersistentVolumeClaim",
    apiVersion: "v1",
    metadata: { name: "claim" },
    spec,
  });
  const csi = {
    driver: "d.example",
    volumeHandle: "h",
    nodePublishSecretRef: { name: "of-volume", namespace: "default" },
  };
  const volume = {
    capacity: { storage: "1Gi" },
    accessModes: ["ReadWriteOnce"],
    csi,
    claimRef: { namespace: "default", name: "claim" },
  };
  await post("/api/v1/persistentvolumes", {
    kind: "PersistentVolume",
    apiVersion: "v1",
    metadata: { name: "volume" },
    spec: volume,
  });
  // What an administrator made by hand gives the node nothing either.
  const env = [{ name: "E", valueFrom: { configMapKeyRef: { name: "of-mirror", key: "k" } } }];
  await post(pods, mirror({ containers: [{ name: "c", image: "i", env }] }, { name: "by-hand", ownerReferences: [] }));
});

after(() => life.abort(new Error("the test is over")));

const refers = /node \\"a\\" can not create pods that reference/;
const envFrom = (source: object): object => ({ containers: [{ name: "c", image: "i", envFrom: [source] }] });
const volumes = (...sources: object[]): object => ({
  volumes: sources.map((source, at) => ({ name: `v${at}`, ...source })),
});
const projected = (source: object): object => volumes({ projected: { sources: [source] } });

const mirrors: readonly (readonly [what: string, spec: object, message: RegExp])[] = [
  [
    "a secret in its environment",
    envFrom({ secretRef: { name: "other" } }),
    /a mirror pod may not reference secrets|can not create/,
  ],
  ["a config map in its environment", envFrom({ configMapRef: { name: "other" } }), refers],
  ["an image pull secret", { imagePullSecrets: [{ name: "other" }] }, /mirror pod may not reference secrets/],
  ["a service account", { serviceAccountName: "default" }, /mirror pod may not reference service accounts/],
  ["a secret volume", volumes({ secret: { secretName: "other" } }), /mirror pod may not reference secrets/],
  ["a config map volume", volumes({ configMap: { name: "other" } }), refers],
  ["a claim", volumes({ persistentVolumeClaim: { claimName: "claim" } }), refers],
  ["a projected secret", projected({ secret: { name: "other" } }), /mirror pod may not reference secrets/],
  ["a projected config map", projected({ configMap: { name: "other" } }), refers],
  [
    "a projected token",
    projected({ serviceAccountToken: { path: "t" } }),
    /may not use ServiceAccountToken volume projections/,
  ],
  ["a resource claim", { resourceClaims: [{ name: "g", resourceClaimName: "gpu" }] }, refers],
  ["a storage driver", volumes({ csi: { driver: "d.example" } }), refers],
  ["the node of another", { nodeName: "b" }, /spec.nodeName set to itself/],
];

for (const [what, spec, message] of mirrors)
  test(`a node makes no mirror pod with ${what}`, async () => {
    const answer = await ask(`POST ${pods}`, mirror(spec));
    assert.equal(answer.code, 403, answer.text);
    assert.match(answer.text, message);
  });

const owner = (change: object): object => ({
  ownerReferences: [{ apiVersion: "v1", kind: "Node", name: "a", uid, controller: true, ...change }],
});

for (const [what, metadata] of [
  ["no owner", () => ({ ownerReferences: [] })],
  ["another owner", () => owner({ name: "b" })],
  ["an owner that was", () => owner({ uid: "00000000-0000-0000-0000-000000000000" })],
  ["an owner that does not control it", () => owner({ controller: false })],
  ["an owner whose deletion waits", () => owner({ blockOwnerDeletion: true })],
  ["no annotation", () => ({ annotations: {} })],
] as const)
  test(`a node makes no mirror pod with ${what}`, async () => {
    const answer = await ask(`POST ${pods}`, mirror({}, metadata()));
    assert.equal(answer.code, 403, answer.text);
  });

test("a node makes a mirror pod that is owned by it and refers to nothing", async () => {
  const made = await ask(`POST ${pods}`, mirror(volumes({ hostPath: { path: "/" } }, { emptyDir: {} })));
  assert.equal(made.code, 201, made.text);
});

const own = "/api/v1/nodes/a";
const lease = (name: string): object => ({ kind: "Lease", apiVersion: "coordination.k8s.io/v1", metadata: { name } });
const leases = "/apis/coordination.k8s.io/v1/namespaces";
const slice = (nodeName: string): object => ({
  kind: "ResourceSlice",
  apiVersion: "resource.k8s.io/v1",
  metadata: { name: `slice-${nodeName}` },
  spec: { driver: "d.example", nodeName, pool: { name: "p", generation: 1, resourceSliceCount: 1 } },
});

const requests: readonly (readonly [line: string, body: object | undefined, code: number])[] = [
  [`PATCH ${own}`, { metadata: { labels: { "example.com/a": "b", "topology.kubernetes.io/zone": "z" } } }, 200],
  [`PATCH ${own}`, { metadata: { labels: { "node-restriction.kubernetes.io/trusted": "yes" } } }, 403],
  [`PATCH ${own}`, { metadata: { labels: { "node-role.kubernetes.io/control-plane": "" } } }, 403],
  [`PATCH ${own}/status`, { metadata: { labels: { "node-role.kubernetes.io/control-plane": "" } } }, 403],
  [`PATCH ${own}`, { metadata: { labels: { "kubelet.kubernetes.io/x": "y", "a.node.kubernetes.io/x": "y" } } }, 200],
  [`PATCH ${own}`, { spec: { taints: [{ key: "a", effect: "NoSchedule" }] } }, 403],
  [`PATCH ${own}`, { metadata: { ownerReferences: [{ apiVersion: "v1", kind: "Node", name: "b", uid: "u" }] } }, 403],
  [
    `PATCH ${own}/status`,
    { metadata: { ownerReferences: [{ apiVersion: "v1", kind: "Node", name: "b", uid: "u" }] } },
    403,
  ],
  [`PATCH ${own}`, { spec: { podCIDR: "10.42.0.0/24", podCIDRs: ["10.42.0.0/24"] } }, 403],
  [`PATCH ${own}/status`, { status: { conditions: [] } }, 200],
  ["PATCH /api/v1/nodes/b/status", { status: { conditions: [] } }, 403],
  [`DELETE ${own}`, undefined, 403],
  ["GET /api/v1/nodes/b/status", undefined, 403],
  [`PATCH ${pods}/mine/status`, { status: { message: "x" } }, 200],
  [`PATCH ${pods}/mine/status`, { metadata: { labels: { a: "c" } } }, 403],
  [`PATCH ${pods}/mine`, { metadata: { labels: { a: "c" } } }, 403],
  [`PATCH ${pods}/theirs/status`, { status: { message: "x" } }, 403],
  [`PATCH ${pods}/waiting/status`, { status: { message: "x" } }, 403],
  [`DELETE ${pods}/theirs`, undefined, 403],
  [`DELETE ${pods}/waiting`, undefined, 403],
  [`POST ${pods}/waiting/eviction`, { kind: "Eviction", apiVersion: "policy/v1", metadata: { name: "waiting" } }, 403],
  [`GET ${pods}/mine`, undefined, 200],
  [`GET ${pods}/theirs`, undefined, 403],
  [`GET ${pods}/mine/log`, undefined, 403],
  [`GET ${pods}?fieldSelector=spec.nodeName%3D%3Da`, undefined, 200],
  [`GET ${pods}?fieldSelector=metadata.name%3Dx%5C,spec.nodeName%3Da`, undefined, 403],
  ["GET /api/v1/watch/pods?fieldSelector=spec.nodeName%3Da", undefined, 403],
  ["GET /api/v1/namespaces/default/secrets/used", undefined, 200],
  ["GET /api/v1/namespaces/default/secrets/of-volume", undefined, 200],
  ["GET /api/v1/namespaces/default/secrets/other", undefined, 403],
  ["GET /api/v1/namespaces/default/configmaps/of-mirror", undefined, 403],
  ["GET /api/v1/namespaces/default/persistentvolumeclaims/claim", undefined, 200],
  ["GET /api/v1/persistentvolumes/volume", undefined, 200],
  ["GET /api/v1/persistentvolumes", undefined, 403],
  [
    "PATCH /api/v1/namespaces/default/persistentvolumeclaims/claim/status",
    { status: { capacity: { storage: "1Gi" } } },
    200,
  ],
  ["PATCH /api/v1/namespaces/default/persistentvolumeclaims/claim/status", { metadata: { labels: { a: "b" } } }, 403],
  ["GET /apis/resource.k8s.io/v1/namespaces/default/resourceclaims/gpu", undefined, 404],
  ["GET /apis/resource.k8s.io/v1/namespaces/default/resourceclaims/other", undefined, 403],
  [`POST ${leases}/kube-node-lease/leases`, lease("b"), 403],
  [`POST ${leases}/kube-node-lease/leases`, lease("a"), 201],
  [`GET ${leases}/kube-node-lease/leases`, undefined, 403],
  [`POST ${leases}/default/leases`, lease("a"), 403],
  ["POST /apis/resource.k8s.io/v1/resourceslices", slice("b"), 403],
  ["POST /apis/resource.k8s.io/v1/resourceslices", slice("a"), 201],
  ["GET /apis/resource.k8s.io/v1/resourceslices", undefined, 403],
  [
    "POST /apis/storage.k8s.io/v1/csinodes",
    { kind: "CSINode", apiVersion: "storage.k8s.io/v1", metadata: { name: "b" }, spec: { drivers: [] } },
    403,
  ],
  ["GET /apis/example.com/v1/namespaces/default/secrets/used", undefined, 403],
  ["POST /apis/example.com/v1/namespaces/kube-node-lease/leases", lease("a"), 403],
];

for (const [line, body, code] of requests)
  test(`a node asks ${line} ${body ? JSON.stringify(body).slice(0, 90) : ""} and gets ${code}`, async () => {
    const answer = await ask(line, body);
    assert.equal(answer.code, code, answer.text);
  });

test("a node may read each of the thousands of objects of its pod, and no other", { timeout: 20_000 }, async () => {
  const imagePullSecrets = Array.from({ length: 15_000 }, (_, at) => ({ name: `s${at}` }));
  await post(pods, pod("many", { nodeName: "c", imagePullSecrets }));
  const user = { name: "system:node:c", groups: ["system:nodes"] };
  const asked = { kind: "resource", user, verb: "get", group: "", version: "v1", resource: "secrets" } as const;
  const decide = (name: string): string =>
    api.authorizer.authorize({
      ...asked,
      subresource: "",
      namespace: "default",
      name,
      fieldSelector: "",
      labelSelector: "",
    }).kind;
  // What is large reaches those who watch in a turn of its own.
  while (decide("s0") !== "allowed") await setImmediate();
  for (const { name } of imagePullSecrets) assert.equal(decide(name), "allowed");
  assert.equal(decide("other"), "unsure");
});
