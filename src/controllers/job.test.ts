/** The life of Jobs: what is planned is carried out on a handful of objects, until nothing more is planned. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Job } from "#resources/batch/job.ts";
import type { JobSpec } from "#resources/batch/job-spec.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { Action } from "./controller.ts";
import { planJob } from "./job.ts";
import { IndexSet } from "./job/indexes.ts";
import { covers } from "#machinery/view.ts";
import { failureCountKey, ignoredCountKey } from "./job/pod-outcome.ts";
import { podView } from "./pod-view.ts";

const labels = { job: "one" };

/** A Job and its pods, as the API would keep them. */
class World {
  job: Job;
  pods: Pod[] = [];
  events: string[] = [];
  nowMs = Date.parse("2026-01-01T00:00:00Z");
  private made = 0;

  constructor(spec: Partial<JobSpec>) {
    this.job = {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { namespace: "default", name: "one", uid: "job" },
      spec: {
        parallelism: 1,
        completions: 1,
        backoffLimit: 6,
        completionMode: "NonIndexed",
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { restartPolicy: "Never", containers: [{ name: "c", resources: {} }] },
        },
        ...spec,
      },
      status: {},
    };
  }

  /** Looks at the Job until it has nothing to do. @returns When it wants to be looked at again. */
  run(): number | undefined {
    for (let look = 0; look < 50; look += 1) {
      const plan = planJob({ job: this.job, pods: this.pods, leftBehind: [], nowMs: this.nowMs });
      if (plan.actions.length === 0) return plan.againAfterMs;
      for (const action of plan.actions) this.carryOut(action);
    }
    throw new Error("the Job never comes to rest");
  }

  end(name: string, phase: "Succeeded" | "Failed", exitCode = 1): void {
    const terminated = { exitCode, finishedAt: new Date(this.nowMs).toISOString() };
    const state = {
      name: "c",
      state: { terminated },
      lastState: {},
      ready: false,
      restartCount: 0,
      image: "",
      imageID: "",
    };
    this.change(name, (pod) => ({ ...pod, status: { ...pod.status, phase, containerStatuses: [state] } }));
  }

  /** The kubelet is done with a deleted pod. */
  gone(): void {
    this.pods = this.pods.filter((pod) => pod.metadata.deletionTimestamp === undefined);
  }

  get active(): string[] {
    return this.pods
      .filter((pod) => pod.metadata.deletionTimestamp === undefined && pod.status.phase === undefined)
      .map((pod) => pod.metadata.name ?? "");
  }

  get story(): string[] {
    return (this.job.status.conditions ?? []).map((one) => `${one.type}=${one.status} ${one.reason}: ${one.message}`);
  }

  private change(name: string, by: (pod: Pod) => Pod): void {
    this.pods = this.pods.map((pod) => (pod.metadata.name === name ? by(pod) : pod));
  }

  private carryOut(action: Action): void {
    switch (action.kind) {
      case "sequence":
      case "each":
      case "ramp":
        for (const one of action.actions) this.carryOut(one);
        return;
      case "create": {
        const pod = action.object as Pod;
        const name = `pod-${(this.made += 1)}`;
        this.pods.push({ ...pod, metadata: { ...pod.metadata, name, uid: name } });
        return;
      }
      case "delete":
        this.change(action.key.name, (pod) => ({
          ...pod,
          metadata: { ...pod.metadata, deletionTimestamp: new Date(this.nowMs).toISOString() },
        }));
        return;
      case "patch":
        this.change(action.key.name, (pod) => ({ ...pod, metadata: { ...pod.metadata, finalizers: [] } }));
        return;
      case "update":
        this.job = action.object as Job;
        return;
      case "event":
        this.events.push(`${action.event.reason}: ${action.event.message}`);
        return;
      case "unless":
    }
  }
}

const done = ["SuccessCriteriaMet=True CompletionsReached: Reached expected number of succeeded pods"];
const complete = [...done, "Complete=True CompletionsReached: Reached expected number of succeeded pods"];

test("a Job runs its pods side by side, and is complete when all have succeeded", () => {
  const world = new World({ parallelism: 2, completions: 3 });
  world.run();
  assert.deepEqual(world.active, ["pod-1", "pod-2"]);
  assert.deepEqual(world.pods[0]?.metadata.finalizers, ["batch.kubernetes.io/job-tracking"]);
  assert.equal(world.job.status.active, 2);
  assert.equal(world.job.status.startTime, "2026-01-01T00:00:00Z");
  world.end("pod-1", "Succeeded", 0);
  world.run();
  assert.deepEqual(world.active, ["pod-2", "pod-3"]);
  for (const name of world.active) world.end(name, "Succeeded", 0);
  world.run();
  assert.deepEqual(world.story, complete);
  const { succeeded, active, ready, terminating, uncountedTerminatedPods, completionTime } = world.job.status;
  assert.deepEqual([succeeded, active, ready, terminating, uncountedTerminatedPods], [3, 0, 0, 0, {}]);
  assert.equal(completionTime, "2026-01-01T00:00:00Z");
  assert.ok(world.pods.every((pod) => pod.metadata.finalizers?.length === 0));
  assert.deepEqual(world.events, ["Completed: Job completed"]);
});

test("a failed pod is followed by another after a growing pause, until the limit", () => {
  const world = new World({ backoffLimit: 1 });
  world.run();
  world.end("pod-1", "Failed");
  assert.equal(world.run(), 10_000);
  world.nowMs += 10_000;
  world.run();
  assert.deepEqual(world.active, ["pod-2"]);
  world.end("pod-2", "Failed");
  world.run();
  const why = "BackoffLimitExceeded: Job has reached the specified backoff limit";
  assert.deepEqual(world.story, [`FailureTarget=True ${why}`, `Failed=True ${why}`]);
  assert.equal(world.job.status.failed, 2);
  assert.deepEqual(world.events, [why]);
});

test("the deadline ends what runs, and the Job has failed once it is gone", () => {
  const world = new World({ activeDeadlineSeconds: 60 });
  assert.equal(world.run(), 60_000);
  world.nowMs += 60_000;
  world.run();
  const why = "DeadlineExceeded: Job was active longer than specified deadline";
  assert.deepEqual(world.story, [`FailureTarget=True ${why}`]);
  assert.equal(world.job.status.terminating, 1);
  world.gone();
  world.run();
  assert.deepEqual(world.story, [`FailureTarget=True ${why}`, `Failed=True ${why}`]);
  assert.equal(world.job.status.failed, 1);
});

test("an Indexed Job gives each pod its index, and lists those that are done", () => {
  const world = new World({ completionMode: "Indexed", completions: 4, parallelism: 3 });
  world.run();
  const [first] = world.pods;
  const key = "batch.kubernetes.io/job-completion-index";
  assert.equal(first?.metadata.annotations?.[key], "0");
  assert.equal(first.metadata.labels?.[key], "0");
  assert.equal(first.spec.hostname, "one-0");
  assert.equal(first.metadata.generateName, "one-0-");
  assert.equal(first.spec.containers[0]?.env?.[0]?.valueFrom?.fieldRef?.fieldPath, `metadata.labels['${key}']`);
  for (const name of world.active) world.end(name, "Succeeded", 0);
  world.run();
  assert.equal(world.job.status.completedIndexes, "0-2");
  assert.deepEqual(world.active, ["pod-4"]);
  world.end("pod-4", "Succeeded", 0);
  world.run();
  assert.deepEqual([world.job.status.completedIndexes, world.job.status.succeeded], ["0-3", 4]);
  assert.deepEqual(world.story, complete);
});

test("with a limit per index one index can fail for good while the others go on", () => {
  const world = new World({ completionMode: "Indexed", completions: 2, parallelism: 2, backoffLimitPerIndex: 1 });
  world.run();
  world.end("pod-1", "Failed");
  assert.equal(world.run(), 10_000);
  assert.deepEqual(world.pods[0]?.metadata.finalizers, ["batch.kubernetes.io/job-tracking"]);
  world.nowMs += 10_000;
  world.run();
  assert.equal(world.pods[2]?.metadata.annotations?.["batch.kubernetes.io/job-index-failure-count"], "1");
  world.end("pod-3", "Failed");
  world.run();
  assert.equal(world.job.status.failedIndexes, "0");
  world.end("pod-2", "Succeeded", 0);
  world.run();
  assert.equal(world.story.at(-1), "Failed=True FailedIndexes: Job has failed indexes");
  assert.deepEqual([world.job.status.failed, world.job.status.completedIndexes], [2, "1"]);
});

const policy = (action: "FailJob" | "Ignore" | "Count") =>
  ({ podFailurePolicy: { rules: [{ action, onExitCodes: { operator: "In", values: [42] } }] } }) as const;

test("the failure policy ends the Job, or lets a failure not count", () => {
  const failing = new World(policy("FailJob"));
  failing.run();
  failing.end("pod-1", "Failed", 42);
  failing.run();
  assert.equal(
    failing.story.at(-1),
    "Failed=True PodFailurePolicy: Container c for pod default/pod-1 failed with exit code 42 matching FailJob rule at index 0",
  );
  const ignoring = new World({ ...policy("Ignore"), backoffLimit: 0 });
  ignoring.run();
  ignoring.end("pod-1", "Failed", 42);
  ignoring.run();
  assert.deepEqual(ignoring.story, []);
  assert.equal(ignoring.job.status.failed ?? 0, 0);
});

test("the success policy ends the Job before all indexes are done", () => {
  const rules = [{ succeededIndexes: "1-2", succeededCount: 1 }];
  const world = new World({ completionMode: "Indexed", completions: 3, parallelism: 3, successPolicy: { rules } });
  world.run();
  world.end("pod-2", "Succeeded", 0);
  world.run();
  world.gone();
  world.run();
  const why = "SuccessPolicy: Matched rules at index 0";
  assert.deepEqual(world.story, [`SuccessCriteriaMet=True ${why}`, `Complete=True ${why}`]);
  assert.deepEqual([world.job.status.succeeded, world.job.status.failed ?? 0], [1, 0]);
});

test("a suspended Job has no pods; when it is resumed its time begins anew", () => {
  const world = new World({ suspend: true });
  world.run();
  assert.deepEqual(world.story, ["Suspended=True JobSuspended: Job suspended"]);
  assert.equal(world.job.status.startTime, undefined);
  world.job = { ...world.job, spec: { ...world.job.spec, suspend: false } };
  world.nowMs += 60_000;
  world.run();
  assert.deepEqual(world.story, ["Suspended=False JobResumed: Job resumed"]);
  assert.equal(world.job.status.startTime, "2026-01-01T00:01:00Z");
  assert.deepEqual(world.active, ["pod-1"]);
  world.job = { ...world.job, spec: { ...world.job.spec, suspend: true } };
  world.run();
  assert.deepEqual(world.active, []);
  assert.deepEqual(world.events.slice(-2), ["SuccessfulDelete: Deleted pod: pod-1", "Suspended: Job suspended"]);
});

test("a deleted pod is replaced at once, or only once it has ended", () => {
  const deleted = (world: World): void => {
    world.pods = world.pods.map((pod) => ({
      ...pod,
      metadata: { ...pod.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" },
    }));
    world.nowMs += 60_000;
    world.run();
  };
  const eager = new World({ podReplacementPolicy: "TerminatingOrFailed" });
  eager.run();
  deleted(eager);
  assert.deepEqual(eager.active, ["pod-2"]);
  const patient = new World({ podReplacementPolicy: "Failed" });
  patient.run();
  deleted(patient);
  assert.deepEqual(patient.active, []);
  assert.equal(patient.job.status.terminating, 1);
});

test("another controller's Job is left alone, and pods of a Job that is gone are let go", () => {
  const world = new World({ managedBy: "example.com/queue" });
  world.run();
  assert.deepEqual(world.pods, []);
  const pod: Pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "p" }, spec: { containers: [] }, status: {} };
  const [released] = planJob({ job: undefined, pods: [], leftBehind: [pod], nowMs: 0 }).actions;
  const [action] = released?.kind === "each" ? released.actions : [];
  assert.ok(action?.kind === "patch" && action.patch.type === "strategic");
});

test("indexes are written as ranges of three and more", () => {
  assert.equal(IndexSet.of([8, 1, 3, 4, 6, 7]).toString(), "1,3,4,6-8");
  assert.equal(IndexSet.parse("1,3,4,6-8", 8).toString(), "1,3,4,6,7");
  assert.equal(IndexSet.parse("6-8,1-2,2-4,junk,5-4", 9).toString(), "1-4,6-8");
});

test("indexes know what is in them and what is not", () => {
  const set = IndexSet.parse("1-3,6", 10);
  assert.deepEqual(
    [0, 1, 3, 4, 6, 7].filter((index) => set.has(index)),
    [1, 3, 6],
  );
  assert.deepEqual(set.missing(10, 4), [0, 4, 5, 7]);
  assert.deepEqual(IndexSet.none.missing(2, 5), [0, 1]);
  assert.equal(set.shared(IndexSet.parse("2-8", 10)), 3);
  assert.equal(set.with([4, 5]).toString(), "1-6");
  assert.equal(set.union(IndexSet.parse("0,9", 10)).size, 6);
});

test("a Job of a thousand million completions is looked at in time that depends on its pods only", () => {
  const completions = 1_000_000_000;
  const world = new World({ completionMode: "Indexed", completions, parallelism: 2_000_000_000 });
  world.job = { ...world.job, status: { completedIndexes: "0-999999899", succeeded: 999_999_900 } };
  const successPolicy = { rules: [{ succeededIndexes: "0-999999999", succeededCount: 999_999_999 }] };
  world.job = { ...world.job, spec: { ...world.job.spec, successPolicy } };
  world.run();
  assert.equal(world.pods.length, 100);
  assert.equal(world.pods[0]?.metadata.annotations?.["batch.kubernetes.io/job-completion-index"], "999999900");
});

test("a Job that may run 2,000,000,000 pods at once starts 500 a look", () => {
  for (const completionMode of ["NonIndexed", "Indexed"] as const) {
    const { job } = new World({ completionMode, completions: 2_000_000_000, parallelism: 2_000_000_000 });
    const plan = planJob({ job, pods: [], leftBehind: [], nowMs: 0 });
    const [ramp] = plan.actions.filter(({ kind }) => kind === "ramp");
    assert.equal(ramp?.kind === "ramp" ? ramp.actions.length : 0, 500, completionMode);
  }
});

test("an adopted pod is tracked, and a released one let go", () => {
  const world = new World({});
  world.run();
  const [pod] = world.pods;
  assert.ok(pod);
  const { ownerReferences: _, finalizers: __, ...metadata } = pod.metadata;
  const change = (seen: Pod): unknown => {
    const [action] = planJob({ job: world.job, pods: [seen], leftBehind: [], nowMs: world.nowMs }).actions;
    return action?.kind === "patch" && action.patch.type === "merge" ? action.patch.body["metadata"] : undefined;
  };
  const adopted = change({ ...pod, metadata }) as Pod["metadata"];
  assert.deepEqual(adopted.finalizers, ["batch.kubernetes.io/job-tracking"]);
  assert.equal(adopted.ownerReferences?.[0]?.uid, "job");
  const released = change({ ...pod, metadata: { ...pod.metadata, labels: {} } });
  assert.deepEqual(released, { uid: "pod-1", ownerReferences: [], finalizers: [] });
});

test("what failures of an index are counted by is held of pods", () => {
  const counts = { metadata: { annotations: { [failureCountKey]: true, [ignoredCountKey]: true } } } as const;
  assert(covers(podView.fields, counts));
});
