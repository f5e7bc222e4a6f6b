/** Services, budgets and evictions, claims and the pods on them, and what administrators do to nodes. */
import { keyOf } from "#machinery/meta.ts";
import { untyped } from "#machinery/resource.ts";
import { deployments } from "#resources/apps/deployment.ts";
import { nodes } from "#resources/core/node.ts";
import { persistentVolumeClaims } from "#resources/core/persistent-volume-claim.ts";
import { pods } from "#resources/core/pod.ts";
import { services } from "#resources/core/service.ts";
import { podDisruptionBudgets } from "#resources/policy/pod-disruption-budget.ts";
import { simulatedContainer } from "../../simulated-kubelet.ts";
import { any, merge, newKeyIn, podTemplate, remove, written, type Deed, type UserContext } from "./context.ts";

const ports = [{ port: 80 }];

async function createService(context: UserContext): Promise<void> {
  const { client, random } = context;
  const metadata = newKeyIn(context, "svc");
  const other = any(context, deployments);
  const taken = any(context, services)?.spec.clusterIP;
  const spec = {
    selector: { app: other?.metadata.name ?? "nobody" },
    type: random.pick(["ClusterIP", "NodePort", "LoadBalancer"]),
    ports,
    // Addresses that are asked for by name: free ones, and such as somebody else has.
    ...(random.happens(0.3) && { clusterIP: `10.43.7.${random.below(12)}` }),
    ...(random.happens(0.1) && taken !== undefined && taken !== "None" && { clusterIP: taken }),
  };
  const withPort = random.happens(0.2) && {
    ports: [{ port: 80, nodePort: 30_000 + random.below(6) }],
    type: "NodePort",
  };
  const where = other ? { namespace: other.metadata.namespace ?? "", name: metadata.name } : metadata;
  await client.create(services, written(services, where, { spec: { ...spec, ...withPort } }));
}

/** A pod that runs and is never ready, and a Service that is to know. */
async function createUnready(context: UserContext): Promise<void> {
  const { client } = context;
  const key = newKeyIn(context, "unready");
  const labels = { app: key.name };
  const readinessProbe = { exec: { command: ["false"] } };
  await client.create(services, written(services, key, { spec: { selector: labels, ports } }));
  const spec = { containers: [simulatedContainer(["serve"], { readinessProbe })] };
  await client.create(pods, written(pods, { ...key, labels }, { spec }));
}

async function changeService(context: UserContext): Promise<void> {
  const { random } = context;
  const object = any(context, services);
  if (!object) return;
  const spec = random.pick([
    { type: "NodePort" },
    { type: "ClusterIP" },
    { type: "ExternalName", externalName: "example.com" },
    { type: "NodePort", ports: [{ port: 80, nodePort: 30_000 + random.below(6) }] },
    { selector: { app: "nobody" } },
  ]);
  await merge(context, { resource: services, object }, { spec });
}

async function removeService(context: UserContext): Promise<void> {
  const object = any(context, services);
  if (object) await context.client.delete(services, keyOf(object));
}

async function createBudget(context: UserContext): Promise<void> {
  const { client, random } = context;
  const deployment = any(context, deployments);
  if (!deployment) return;
  const { namespace = "", name = "" } = deployment.metadata;
  const least = random.pick([{ minAvailable: 1 }, { minAvailable: "60%" }, { maxUnavailable: 1 }]);
  const spec = { selector: { matchLabels: { app: name } }, ...least };
  const metadata = { namespace, name: `budget-${context.next()}` };
  await client.create(podDisruptionBudgets, written(podDisruptionBudgets, metadata, { spec }));
}

async function removeBudget(context: UserContext): Promise<void> {
  const object = any(context, podDisruptionBudgets);
  if (object) await context.client.delete(podDisruptionBudgets, keyOf(object));
}

/** A Deployment that has a budget from the first pod on. */
async function createGuarded(context: UserContext): Promise<void> {
  const { client, random } = context;
  const metadata = newKeyIn(context, "guarded");
  const selector = { matchLabels: { app: metadata.name } };
  const least = random.pick([{ minAvailable: 2 }, { minAvailable: "60%" }, { maxUnavailable: 1 }]);
  await client.create(podDisruptionBudgets, written(podDisruptionBudgets, metadata, { spec: { selector, ...least } }));
  const spec = { replicas: 3 + random.below(2), selector, template: podTemplate({ app: metadata.name }) };
  await client.create(deployments, written(deployments, metadata, { spec }));
}

/** Several at once, of whatever a budget may let only one go. */
async function evict(context: UserContext): Promise<void> {
  const { client, random, history } = context;
  const app = any(context, podDisruptionBudgets)?.spec.selector?.matchLabels?.["app"];
  const chosen = history
    .all(pods)
    .filter(({ metadata }) => app === undefined || metadata.labels?.["app"] === app)
    .slice(0, 1 + random.below(3));
  const evictions = chosen.map(async (pod) => {
    const key = keyOf(pod);
    const body = { apiVersion: "policy/v1", kind: "Eviction", metadata: { ...key } };
    await client.post({ resource: untyped(pods), key, subresource: "eviction" }, body);
  });
  await Promise.allSettled(evictions);
}

async function createClaim(context: UserContext): Promise<void> {
  const { client, random } = context;
  const key = newKeyIn(context, "claim");
  const claimSpec = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Mi" } } };
  await client.create(persistentVolumeClaims, written(persistentVolumeClaims, key, { spec: claimSpec }));
  if (random.happens(0.2)) return;
  const volumes = [{ name: "data", persistentVolumeClaim: { claimName: key.name } }];
  const { spec } = written(pods, key, podTemplate({ app: key.name, spec: { volumes } }));
  await client.create(pods, written(pods, { ...key, labels: { app: key.name } }, { spec }));
}

async function removeClaim(context: UserContext): Promise<void> {
  const object = any(context, persistentVolumeClaims);
  if (object) await remove(context, persistentVolumeClaims, object);
}

const taints = [
  { key: "example.com/special", value: "yes", effect: "NoSchedule" as const },
  { key: "example.com/special", value: "yes", effect: "NoExecute" as const },
];

async function taintNode(context: UserContext): Promise<void> {
  const { client, history, random } = context;
  const node = random.pick(history.all(nodes));
  if (!node) return;
  const others = (node.spec.taints ?? []).filter(({ key }) => key !== "example.com/special");
  const tainted = others.length === (node.spec.taints ?? []).length ? [...others, random.pick(taints)] : others;
  const { resourceVersion = "" } = node.metadata;
  const body = { metadata: { resourceVersion }, spec: { taints: tainted.map((one) => ({ ...one })) } };
  await client.patch({ resource: nodes, key: keyOf(node) }, { type: "merge", body });
}

async function cordonNode(context: UserContext): Promise<void> {
  const node = context.random.pick(context.history.all(nodes));
  if (!node) return;
  const unschedulable = node.spec.unschedulable === true ? null : true;
  await merge(context, { resource: nodes, object: node }, { spec: { unschedulable } });
}

export const serviceDeeds: readonly Deed[] = [
  { name: "create a Service", weight: 4, act: createService },
  { name: "create a Service of an unready pod", weight: 1, act: createUnready },
  { name: "change a Service", weight: 3, act: changeService },
  { name: "delete a Service", weight: 2, act: removeService },
  { name: "create a budget", weight: 1, act: createBudget },
  { name: "create a guarded Deployment", weight: 2, act: createGuarded },
  { name: "delete a budget", weight: 0.5, act: removeBudget },
  { name: "evict pods", weight: 6, act: evict },
  { name: "create a claim", weight: 3, act: createClaim },
  { name: "delete a claim", weight: 2, act: removeClaim },
  { name: "taint a node", weight: 1, act: taintNode },
  { name: "cordon a node", weight: 1, act: cordonNode },
];
