/** Deployments, StatefulSets, DaemonSets and pods: made, scaled, rolled over, changed under their owners, and deleted. */
import { keyOf } from "#machinery/meta.ts";
import { untyped } from "#machinery/resource.ts";
import { daemonSets } from "#resources/apps/daemon-set.ts";
import { deployments } from "#resources/apps/deployment.ts";
import { replicaSets } from "#resources/apps/replica-set.ts";
import { statefulSets } from "#resources/apps/stateful-set.ts";
import { pods } from "#resources/core/pod.ts";
import { any, merge, newKeyIn, podTemplate, remove, written, type Deed, type UserContext } from "./context.ts";

const replicasMax = 4;

function readiness({ random }: UserContext): object {
  return random.happens(0.5) ? {} : { minReadySeconds: random.below(8) };
}

async function createDeployment(context: UserContext): Promise<void> {
  const { client, random } = context;
  const metadata = newKeyIn(context, "web");
  const strategy = random.pick([
    { type: "RollingUpdate" },
    { type: "Recreate" },
    { type: "RollingUpdate", rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
    { type: "RollingUpdate", rollingUpdate: { maxSurge: "50%", maxUnavailable: 0 } },
  ]);
  const spec = {
    replicas: random.below(replicasMax + 1),
    selector: { matchLabels: { app: metadata.name } },
    template: podTemplate({ app: metadata.name, cpu: random.pick(["10m", "20m", "50m"]) }),
    strategy,
    revisionHistoryLimit: random.below(3),
    ...readiness(context),
  };
  await client.create(deployments, written(deployments, metadata, { spec }));
}

async function createStatefulSet(context: UserContext): Promise<void> {
  const { client, random } = context;
  const metadata = newKeyIn(context, "db");
  const claim = {
    metadata: { name: "data" },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Mi" } } },
  };
  const hasClaims = random.happens(0.5);
  const spec = {
    replicas: random.below(replicasMax),
    serviceName: metadata.name,
    selector: { matchLabels: { app: metadata.name } },
    podManagementPolicy: random.pick(["OrderedReady", "Parallel"]),
    template: podTemplate({ app: metadata.name }),
    ...(hasClaims && { volumeClaimTemplates: [claim] }),
    ...(hasClaims &&
      random.happens(0.5) && {
        persistentVolumeClaimRetentionPolicy: { whenDeleted: "Delete", whenScaled: random.pick(["Delete", "Retain"]) },
      }),
    ...readiness(context),
  };
  await client.create(statefulSets, written(statefulSets, metadata, { spec }));
}

async function createDaemonSet(context: UserContext): Promise<void> {
  const metadata = newKeyIn(context, "agent");
  const tolerations = context.random.happens(0.5) ? [{ operator: "Exists" }] : [];
  const spec = {
    selector: { matchLabels: { app: metadata.name } },
    template: podTemplate({ app: metadata.name, spec: { tolerations } }),
    ...readiness(context),
  };
  await context.client.create(daemonSets, written(daemonSets, metadata, { spec }));
}

async function createPod(context: UserContext): Promise<void> {
  const { client, random } = context;
  const metadata = newKeyIn(context, "lone");
  // Some are like the pods of somebody else, who may adopt them.
  const other = random.happens(0.2) ? any(context, replicaSets) : undefined;
  const command = other ? ["serve"] : random.pick([["serve"], ["sleep", "20"], ["false"], ["true"]]);
  const restartPolicy = other ? "Always" : random.pick(["Always", "OnFailure", "Never"]);
  const labels = other?.spec.selector.matchLabels ?? { app: metadata.name };
  const { spec } = written(pods, metadata, podTemplate({ app: metadata.name, command, spec: { restartPolicy } }));
  await client.create(pods, written(pods, { ...metadata, labels }, { spec }));
}

const scaled = [untyped(deployments), untyped(statefulSets), untyped(replicaSets)] as const;
const templated = [untyped(deployments), untyped(statefulSets), untyped(daemonSets)] as const;

async function scale(context: UserContext): Promise<void> {
  const { client, random } = context;
  const resource = random.pick(scaled);
  const object = any(context, resource);
  if (!object) return;
  const body = { spec: { replicas: random.below(replicasMax + 1) } };
  const target = { resource, key: keyOf(object) };
  await client.patch(target, { type: "merge", body }, { subresource: random.pick(["", "scale"]) });
}

async function rollOver(context: UserContext): Promise<void> {
  const resource = context.random.pick(templated);
  const object = any(context, resource);
  if (!object) return;
  const version = String(context.random.below(3));
  const body = { spec: { template: { metadata: { annotations: { "example.com/version": version } } } } };
  await merge(context, { resource, object }, body);
}

async function removeWorkload(context: UserContext): Promise<void> {
  const resource = context.random.pick([...templated, ...scaled]);
  const object = any(context, resource);
  if (object) await remove(context, resource, object);
}

async function deletePod(context: UserContext): Promise<void> {
  const pod = any(context, pods);
  if (!pod) return;
  const gracePeriodSeconds = context.random.pick([undefined, 1, 5]);
  const request = gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds };
  await context.client.delete(pods, keyOf(pod), request);
}

/** A pod that its owner has to let go, or one that it has to take back. */
async function relabelPod(context: UserContext): Promise<void> {
  const pod = any(context, pods);
  if (!pod) return;
  const labels = pod.metadata.labels ?? {};
  const app = labels["was"] === undefined ? `stray-${context.next()}` : labels["was"];
  const was = labels["was"] === undefined ? (labels["app"] ?? null) : null;
  await merge(context, { resource: pods, object: pod }, { metadata: { labels: { app, was } } });
}

async function pause(context: UserContext): Promise<void> {
  const object = any(context, deployments);
  if (object)
    await merge(context, { resource: deployments, object }, { spec: { paused: object.spec.paused !== true } });
}

export const workloadDeeds: readonly Deed[] = [
  { name: "create a Deployment", weight: 6, act: createDeployment },
  { name: "create a StatefulSet", weight: 4, act: createStatefulSet },
  { name: "create a DaemonSet", weight: 2, act: createDaemonSet },
  { name: "create a pod", weight: 3, act: createPod },
  { name: "scale", weight: 10, act: scale },
  { name: "roll over", weight: 8, act: rollOver },
  { name: "delete a workload", weight: 5, act: removeWorkload },
  { name: "delete a pod", weight: 6, act: deletePod },
  { name: "relabel a pod", weight: 3, act: relabelPod },
  { name: "pause or go on", weight: 1, act: pause },
];
