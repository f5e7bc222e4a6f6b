/** What controllers make of what is wished, once nothing goes wrong: numbers that converge. */
import { controllerOf, type KubeObject } from "#machinery/meta.ts";
import { selectorOf, selectorOfMap } from "#machinery/label-selector.ts";
import { daemonSets } from "#resources/apps/daemon-set.ts";
import { deployments } from "#resources/apps/deployment.ts";
import { replicaSets } from "#resources/apps/replica-set.ts";
import { statefulSets } from "#resources/apps/stateful-set.ts";
import { cronJobs } from "#resources/batch/cron-job.ts";
import { jobs } from "#resources/batch/job.ts";
import { endpoints } from "#resources/core/endpoints.ts";
import { nodes } from "#resources/core/node.ts";
import { pods, type Pod } from "#resources/core/pod.ts";
import { services } from "#resources/core/service.ts";
import { endpointSlices } from "#resources/discovery/endpoint-slice.ts";
import { podDisruptionBudgets } from "#resources/policy/pod-disruption-budget.ts";
import type { History } from "../history.ts";
import type { Finding, Settlement } from "./invariant.ts";

type Finder = (history: History) => Generator<Finding>;

function about(resource: string, { metadata }: KubeObject): string {
  return `${resource} ${metadata.namespace === undefined ? "" : `${metadata.namespace}/`}${metadata.name}`;
}

/** Numbers with the names they have in what is found. */
function differ(found: Readonly<Record<string, number | undefined>>, wanted: number): string | undefined {
  const wrong = Object.entries(found).filter(([, count]) => (count ?? 0) !== wanted);
  return wrong.length === 0
    ? undefined
    : `${wrong.map(([name, count]) => `${name}=${count ?? 0}`).join(" ")}, wanted ${wanted}`;
}

function isOver({ status }: Pod): boolean {
  return status.phase === "Succeeded" || status.phase === "Failed";
}

function isReady({ status }: Pod): boolean {
  return status.conditions?.some((one) => one.type === "Ready" && one.status === "True") === true;
}

function owned(history: History, owner: KubeObject): readonly Pod[] {
  const isOwn = (pod: Pod): boolean => controllerOf(pod)?.uid === owner.metadata.uid;
  return history.all(pods, owner.metadata.namespace).filter((pod) => isOwn(pod) && !isOver(pod));
}

function* deploymentCounts(history: History): Generator<Finding> {
  for (const one of history.all(deployments)) {
    const { status, spec, metadata } = one;
    if (spec.paused === true) continue;
    const { replicas, updatedReplicas, readyReplicas, availableReplicas } = status;
    const wrong = differ({ replicas, updatedReplicas, readyReplicas, availableReplicas }, spec.replicas ?? 1);
    if (wrong !== undefined) yield { about: about("deployments", one), found: wrong };
    if (status.observedGeneration !== metadata.generation)
      yield { about: about("deployments", one), found: "its status is about an older spec" };
  }
}

function* replicaSetCounts(history: History): Generator<Finding> {
  for (const one of history.all(replicaSets)) {
    const { replicas, readyReplicas } = one.status;
    const wrong = differ({ replicas, readyReplicas, pods: owned(history, one).length }, one.spec.replicas ?? 1);
    if (wrong !== undefined) yield { about: about("replicasets", one), found: wrong };
  }
}

function* statefulSetCounts(history: History): Generator<Finding> {
  for (const one of history.all(statefulSets)) {
    const { replicas, readyReplicas, updatedReplicas } = one.status;
    const mine = owned(history, one);
    const wrong = differ({ replicas, readyReplicas, updatedReplicas, pods: mine.length }, one.spec.replicas ?? 1);
    if (wrong !== undefined) yield { about: about("statefulsets", one), found: wrong };
    const names = new Set(mine.map(({ metadata }) => metadata.name));
    for (let ordinal = 0; ordinal < (one.spec.replicas ?? 1); ordinal += 1)
      if (!names.has(`${one.metadata.name}-${ordinal}`))
        yield { about: about("statefulsets", one), found: `no pod ${ordinal}` };
  }
}

function* daemonSetCounts(history: History): Generator<Finding> {
  const wanted = history.all(nodes).length;
  for (const one of history.all(daemonSets)) {
    const { desiredNumberScheduled, currentNumberScheduled, numberReady, updatedNumberScheduled } = one.status;
    const counts = { desiredNumberScheduled, currentNumberScheduled, numberReady, updatedNumberScheduled };
    const mine = owned(history, one);
    const placed = new Set(mine.map(({ spec }) => spec.nodeName)).size;
    const wrong = differ({ ...counts, pods: mine.length, placed }, wanted);
    if (wrong !== undefined) yield { about: about("daemonsets", one), found: wrong };
  }
}

function* jobEnds(history: History): Generator<Finding> {
  for (const one of history.all(jobs)) {
    const { status, spec } = one;
    const conditions = new Set(
      (status.conditions ?? []).filter((each) => each.status === "True").map(({ type }) => type),
    );
    const isFinished = conditions.has("Complete") || conditions.has("Failed");
    if (spec.suspend === true || spec.parallelism === 0) continue;
    if (!isFinished) yield { about: about("jobs", one), found: "it is not finished" };
    if (conditions.has("Complete") && status.succeeded !== spec.completions)
      yield { about: about("jobs", one), found: `complete with ${status.succeeded} of ${spec.completions}` };
    const left = owned(history, one).length;
    if (isFinished && left > 0) yield { about: about("jobs", one), found: `finished, and has ${left} pods` };
  }
}

function* cronJobLists(history: History): Generator<Finding> {
  for (const one of history.all(cronJobs)) {
    for (const { uid, name } of one.status.active ?? [])
      if (!history.all(jobs, one.metadata.namespace).some(({ metadata }) => metadata.uid === uid))
        yield { about: about("cronjobs", one), found: `active job ${name} is not there` };
  }
}

function* endpointLists(history: History): Generator<Finding> {
  for (const one of history.all(services)) {
    const { namespace = "", name = "" } = one.metadata;
    if (one.spec.selector === undefined || one.spec.type === "ExternalName") continue;
    const selector = selectorOfMap(one.spec.selector);
    const serving = history
      .all(pods, namespace)
      .filter((pod) => selector.matches(pod.metadata.labels ?? {}) && isReady(pod) && !isOver(pod))
      .map(({ status }) => status.podIP ?? "");
    const slices = history
      .all(endpointSlices, namespace)
      .filter(({ metadata }) => metadata.labels?.["kubernetes.io/service-name"] === name);
    const sliced = slices
      .flatMap((slice) => slice.endpoints ?? [])
      .filter(({ conditions }) => conditions?.ready !== false)
      .flatMap(({ addresses }) => addresses);
    const listed = (history.get(endpoints, { namespace, name })?.subsets ?? []).flatMap(({ addresses = [] }) =>
      addresses.map(({ ip }) => ip),
    );
    for (const [what, found] of [
      ["slices", sliced],
      ["endpoints", listed],
    ] as const)
      if (String(found.toSorted()) !== String(serving.toSorted()))
        yield { about: about("services", one), found: `${what} ${found.join(" ")}, ready are ${serving.join(" ")}` };
  }
}

function* budgetCounts(history: History): Generator<Finding> {
  for (const one of history.all(podDisruptionBudgets)) {
    const selector = selectorOf(one.spec.selector);
    const mine = history
      .all(pods, one.metadata.namespace)
      .filter((pod) => selector.matches(pod.metadata.labels ?? {}) && !isOver(pod));
    const healthy = mine.filter((pod) => isReady(pod) && pod.metadata.deletionTimestamp === undefined).length;
    const { currentHealthy, desiredHealthy, disruptionsAllowed, observedGeneration } = one.status;
    const allowed = Math.max(0, healthy - desiredHealthy);
    if (currentHealthy !== healthy)
      yield { about: about("poddisruptionbudgets", one), found: `currentHealthy=${currentHealthy}, found ${healthy}` };
    if (disruptionsAllowed !== allowed && one.status.expectedPods > 0)
      yield { about: about("poddisruptionbudgets", one), found: `allows ${disruptionsAllowed}, may allow ${allowed}` };
    if (observedGeneration !== one.metadata.generation)
      yield { about: about("poddisruptionbudgets", one), found: "its status is about an older spec" };
  }
}

const finders: Readonly<Record<string, Finder>> = {
  "a Deployment has its replicas": deploymentCounts,
  "a ReplicaSet has its replicas": replicaSetCounts,
  "a StatefulSet has its replicas": statefulSetCounts,
  "a DaemonSet has a pod on each node": daemonSetCounts,
  "a Job ends": jobEnds,
  "a CronJob knows its Jobs": cronJobLists,
  "endpoints are the ready pods": endpointLists,
  "a budget counts its pods": budgetCounts,
};

export const countSettlements: readonly Settlement[] = Object.entries(finders).map(([name, check]) => ({
  name,
  check,
}));
