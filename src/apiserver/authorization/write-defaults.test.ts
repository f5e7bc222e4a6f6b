/** Default roles of a data directory that an earlier kedge wrote. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Client } from "#client/client.ts";
import { clusterRoleBindings } from "#resources/rbac/cluster-role-binding.ts";
import { clusterRoles, type ClusterRole } from "#resources/rbac/cluster-role.ts";
import { startClusterApi } from "#testing/cluster-api.ts";
import { autoupdateAnnotation, rule } from "./role-table.ts";
import { writeDefaultRoles } from "./write-defaults.ts";

const life = new AbortController();
let client: Client;

before(async () => {
  ({ client } = await startClusterApi(life.signal));
});

after(() => life.abort(new Error("the test is over")));

const name = "system:controller:certificate-controller";
const everySigner = rule("approve sign", "certificates.k8s.io", "signers");
const own = rule("get", "example.com", "things");

/** The role's rules about signers after a start, when it was `change`d before. */
async function afterStart(change: (role: ClusterRole) => ClusterRole): Promise<readonly (string | undefined)[]> {
  await client.update(clusterRoles, change(await client.get(clusterRoles, { namespace: "", name })));
  await writeDefaultRoles(client, life.signal);
  const { rules } = await client.get(clusterRoles, { namespace: "", name });
  return rules
    .filter(({ resources = [] }) => resources.includes("signers") || resources.includes("things"))
    .map(({ verbs, resourceNames }) => `${verbs.join(" ")} ${resourceNames?.join(" ") ?? "all"}`);
}

const ours = [
  "approve kubernetes.io/kube-apiserver-client-kubelet",
  "sign kubernetes.io/legacy-unknown kubernetes.io/kube-apiserver-client kubernetes.io/kube-apiserver-client-kubelet kubernetes.io/kubelet-serving",
];

test("the right to sign for everybody, which an earlier kedge gave, is taken away, and what was added stays", async () => {
  const found = await afterStart((role) => ({ ...role, rules: [everySigner, own] }));
  assert.deepEqual(found, ["get all", ...ours]);
});

test("a role that is not kept up to date stays as it is", async () => {
  const annotations = { [autoupdateAnnotation]: "false" };
  const found = await afterStart((role) => ({
    ...role,
    metadata: { ...role.metadata, annotations },
    rules: [everySigner],
  }));
  assert.deepEqual(found, ["approve sign all"]);
});

test("what is missing is written side by side, so that one flush of the disk takes it all", async () => {
  const missing = ["system:basic-user", "system:discovery", "system:public-info-viewer"];
  for (const name of missing) {
    await client.delete(clusterRoles, { namespace: "", name });
    await client.delete(clusterRoleBindings, { namespace: "", name });
  }
  let [underWay, most] = [0, 0];
  const create: Client["create"] = async (...args) => {
    most = Math.max(most, (underWay += 1));
    try {
      return await client.create(...args);
    } finally {
      underWay -= 1;
    }
  };
  await writeDefaultRoles(Object.create(client, { create: { value: create } }), life.signal);
  assert(most >= 2 * missing.length, `found ${most} at once`);
  for (const name of missing) assert.notEqual((await client.get(clusterRoles, { namespace: "", name })).rules, []);
});
