/** Controllers against the API server, in virtual time: what users do with workloads, from beginning to end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { deployments } from "#resources/apps/deployment.ts";
import { replicaSets } from "#resources/apps/replica-set.ts";
import { daemonSets } from "#resources/apps/daemon-set.ts";
import { statefulSets } from "#resources/apps/stateful-set.ts";
import { cronJobs } from "#resources/batch/cron-job.ts";
import { jobs } from "#resources/batch/job.ts";
import { nodes } from "#resources/core/node.ts";
import { persistentVolumeClaims } from "#resources/core/persistent-volume-claim.ts";
import { persistentVolumes } from "#resources/core/persistent-volume.ts";
import { pods } from "#resources/core/pod.ts";
import { exitAnnotation } from "./simulated-nodes.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";

const labels = { app: "web" };
const template = (image: string, annotations: Readonly<Record<string, string>> = {}) => ({
  metadata: { labels, annotations },
  spec: { containers: [{ name: "web", image, resources: {} }] },
});
const selector = { matchLabels: labels };
const inDefault = (name: string) => ({ namespace: "default", name });

test("a Deployment rolls out, over and back", async () => {
  await using cluster = await SimulatedCluster.start({ nodeNames: ["one"] });
  await cluster.create(deployments, {
    metadata: inDefault("web"),
    spec: { replicas: 3, selector, template: template("v1") },
  });
  const done = (revision: string) =>
    cluster.until(deployments, ([one]) => {
      const complete = one?.status.conditions?.find(({ type }) => type === "Progressing")?.reason;
      return (
        one?.metadata.annotations?.["deployment.kubernetes.io/revision"] === revision &&
        complete === "NewReplicaSetAvailable" &&
        one.status.updatedReplicas === 3 &&
        one.status.replicas === 3
      );
    });
  await done("1");
  const patch = (image: string) =>
    cluster.client.patch(
      { resource: deployments, key: inDefault("web") },
      { type: "strategic", body: { spec: { template: { spec: { containers: [{ name: "web", image }] } } } } },
    );
  await patch("v2");
  await done("2");
  await patch("v1");
  const [deployment] = await done("3");
  assert.equal(deployment?.status.availableReplicas, 3);
  const sets = await cluster.until(replicaSets, (all) => all.length === 2);
  const sizes = sets.map(({ spec, metadata }) => [
    spec.template.spec.containers[0]?.image,
    spec.replicas,
    metadata.annotations?.["deployment.kubernetes.io/revision"],
  ]);
  assert.deepEqual(new Set(sizes.map(String)), new Set(["v1,3,3", "v2,0,2"]));
});

test("a Deployment whose pods never become ready misses its deadline", async () => {
  await using cluster = await SimulatedCluster.start({ nodeNames: ["one"] });
  cluster.nodes.healthy = false;
  await cluster.create(deployments, {
    metadata: inDefault("web"),
    spec: { replicas: 1, selector, template: template("v1"), progressDeadlineSeconds: 60 },
  });
  await cluster.until(
    deployments,
    ([one]) => one?.status.conditions?.some(({ reason }) => reason === "ProgressDeadlineExceeded") === true,
    120_000,
  );
});

test("a StatefulSet starts in order, updates in reverse and shrinks from the end", async () => {
  await using cluster = await SimulatedCluster.start({ nodeNames: ["one"] });
  await cluster.create(statefulSets, {
    metadata: inDefault("db"),
    spec: { replicas: 3, serviceName: "db", selector, template: template("v1") },
  });
  await cluster.until(statefulSets, ([one]) => one?.status.readyReplicas === 3);
  const target = { resource: statefulSets, key: inDefault("db") };
  await cluster.client.patch(target, { type: "merge", body: { spec: { template: { ...template("v2") } } } });
  await cluster.until(
    statefulSets,
    ([one]) => one?.status.currentRevision === one?.status.updateRevision && one?.status.updatedReplicas === 3,
  );
  await cluster.until(pods, (all) => all.every(({ spec }) => spec.containers[0]?.image === "v2"));
  await cluster.client.patch(target, { type: "merge", body: { spec: { replicas: 1 } } });
  const left = await cluster.until(pods, (all) => all.length === 1);
  assert.equal(left[0]?.metadata.name, "db-0");
});

test("a DaemonSet has a pod on every node, and renews them", async () => {
  await using cluster = await SimulatedCluster.start({ nodeNames: ["one", "two"] });
  await cluster.create(daemonSets, { metadata: inDefault("agent"), spec: { selector, template: template("v1") } });
  await cluster.until(daemonSets, ([one]) => one?.status.numberAvailable === 2);
  const placed = await cluster.until(pods, (all) => all.length === 2);
  assert.deepEqual(new Set(placed.map(({ spec }) => spec.nodeName)), new Set(["one", "two"]));
  const target = { resource: daemonSets, key: inDefault("agent") };
  await cluster.client.patch(target, { type: "merge", body: { spec: { template: { ...template("v2") } } } });
  await cluster.until(
    daemonSets,
    ([one]) =>
      one?.status.observedGeneration === 2 &&
      one.status.updatedNumberScheduled === 2 &&
      one.status.numberAvailable === 2,
  );
});

test("a Job counts its pods exactly, and goes with them when its time is over", async () => {
  await using cluster = await SimulatedCluster.start({ nodeNames: ["one"] });
  const pod = template("v1", { [exitAnnotation]: "0" });
  const spec = { ...pod.spec, restartPolicy: "Never" };
  await cluster.create(jobs, {
    metadata: inDefault("count"),
    spec: { completions: 5, parallelism: 2, ttlSecondsAfterFinished: 100, template: { ...pod, spec } },
  });
  const [job] = await cluster.until(jobs, ([one]) => one?.status.completionTime !== undefined);
  assert.equal(job?.status.succeeded, 5);
  assert.deepEqual(job.status.uncountedTerminatedPods, {});
  await cluster.until(jobs, (all) => all.length === 0, 200_000);
  await cluster.until(pods, (all) => all.length === 0);
});

test("a CronJob runs every minute and keeps the last Jobs", async () => {
  await using cluster = await SimulatedCluster.start({ nodeNames: ["one"] });
  const pod = template("v1", { [exitAnnotation]: "0" });
  const jobTemplate = { spec: { template: { ...pod, spec: { ...pod.spec, restartPolicy: "Never" } } } };
  await cluster.create(cronJobs, {
    metadata: inDefault("tick"),
    spec: { schedule: "* * * * *", successfulJobsHistoryLimit: 2, jobTemplate },
  });
  await cluster.until(cronJobs, ([one]) => one?.status.lastScheduleTime === "2026-01-01T00:05:00Z", 600_000);
  await cluster.until(
    jobs,
    (all) => all.length === 2 && all.every(({ status }) => status.completionTime !== undefined),
    50_000,
  );
});

test("pods leave a node that has been silent for as long as they tolerate", async () => {
  await using cluster = await SimulatedCluster.start({ nodeNames: ["one", "two"] });
  await cluster.create(deployments, {
    metadata: inDefault("web"),
    spec: { replicas: 2, selector, template: template("v1") },
  });
  await cluster.until(deployments, ([one]) => one?.status.availableReplicas === 2);
  const nets = await cluster.until(nodes, (all) => all.every(({ spec }) => spec.podCIDR !== undefined));
  assert.deepEqual(new Set(nets.map(({ spec }) => spec.podCIDR)), new Set(["10.42.0.0/24", "10.42.1.0/24"]));
  cluster.nodes.silent.add("one");
  await cluster.until(deployments, ([one]) => (one?.status.availableReplicas ?? 0) === 0, 70_000);
  const startMs = cluster.clock.nowMs();
  await cluster.until(deployments, ([one]) => one?.status.availableReplicas === 2, 400_000);
  assert.ok(cluster.clock.nowMs() - startMs >= 290_000);
  cluster.nodes.silent.delete("one");
});

test("a StatefulSet's claims get folders of the node, which go with the claims", async () => {
  await using cluster = await SimulatedCluster.start({ nodeNames: ["one"] });
  const resources = { requests: { storage: "1Gi" } };
  await cluster.create(statefulSets, {
    metadata: inDefault("db"),
    spec: {
      replicas: 2,
      serviceName: "db",
      selector,
      template: template("v1"),
      persistentVolumeClaimRetentionPolicy: { whenDeleted: "Delete", whenScaled: "Delete" },
      volumeClaimTemplates: [{ metadata: { name: "data" }, spec: { accessModes: ["ReadWriteOnce"], resources } }],
    },
  });
  await cluster.until(statefulSets, ([one]) => one?.status.readyReplicas === 2);
  const volumes = await cluster.until(persistentVolumes, (all) => all.length === 2);
  for (const { spec, metadata, status } of volumes) {
    assert.equal(status.phase, "Bound");
    const { name, namespace } = spec.claimRef ?? {};
    assert.equal(spec.hostPath?.path, `/var/lib/kedge/storage/${metadata.name}_${namespace}_${name}`);
  }
  const target = { resource: statefulSets, key: inDefault("db") };
  await cluster.client.patch(target, { type: "merge", body: { spec: { replicas: 1 } } });
  await cluster.until(persistentVolumeClaims, (all) => all.length === 1);
  await cluster.until(persistentVolumes, (all) => all.length === 1);
  await cluster.client.delete(statefulSets, inDefault("db"));
  await cluster.until(persistentVolumeClaims, (all) => all.length === 0);
  await cluster.until(persistentVolumes, (all) => all.length === 0);
});
