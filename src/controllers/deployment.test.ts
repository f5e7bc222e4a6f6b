/** What the Deployment controller plans, as a table of what it sees. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { StatusError } from "#machinery/status.ts";
import type { Deployment, DeploymentSpec, DeploymentStatus } from "#resources/apps/deployment.ts";
import type { ReplicaSet } from "#resources/apps/replica-set.ts";
import type { Action } from "./controller.ts";
import { planDeployment, type DeploymentObservation } from "./deployment.ts";

const nowMs = Date.parse("2026-01-01T00:10:00Z");
const longAgo = "2026-01-01T00:00:00Z";
const labels = { app: "web" };

function deployment(spec: Partial<DeploymentSpec> = {}, status: DeploymentStatus = {}): Deployment {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { namespace: "default", name: "web", uid: "owner", generation: 1 },
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: "web", image: "v2", resources: {} }] } },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      progressDeadlineSeconds: 600,
      revisionHistoryLimit: 10,
      ...spec,
    },
    status: { observedGeneration: 1, ...status },
  };
}

interface SetOptions {
  readonly size: number;
  readonly available?: number;
  readonly image?: string;
  readonly revision?: number | bigint;
  readonly desired?: number;
  readonly max?: number;
}

function set(name: string, options: SetOptions): ReplicaSet {
  const { size, available = size, image = "v2", revision = 1, desired = 3, max = 4 } = options;
  const hashed = { ...labels, "pod-template-hash": name };
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: {
      namespace: "default",
      name: `web-${name}`,
      uid: name,
      generation: 1,
      creationTimestamp: longAgo,
      labels: hashed,
      annotations: {
        "deployment.kubernetes.io/revision": String(revision),
        "deployment.kubernetes.io/desired-replicas": String(desired),
        "deployment.kubernetes.io/max-replicas": String(max),
      },
      ownerReferences: [{ apiVersion: "apps/v1", kind: "Deployment", name: "web", uid: "owner", controller: true }],
    },
    spec: {
      replicas: size,
      selector: { matchLabels: hashed },
      template: { metadata: { labels: hashed }, spec: { containers: [{ name: "web", image, resources: {} }] } },
    },
    status: {
      replicas: size,
      readyReplicas: available,
      availableReplicas: available,
      terminatingReplicas: 0,
      observedGeneration: 1,
    },
  };
}

function plan(owner: Deployment, candidates: readonly ReplicaSet[], more: Partial<DeploymentObservation> = {}) {
  return planDeployment({
    deployment: owner,
    candidates,
    setNamed: () => undefined,
    runningPodsOf: () => [],
    nowMs,
    ...more,
  });
}

/** Sizes and events, in order; the status is looked at apart. */
function moves(actions: readonly Action[]): string[] {
  return actions.flatMap((action) => {
    switch (action.kind) {
      case "create":
        return [`create ${(action.object as ReplicaSet).spec.replicas}`];
      case "update":
        return action.subresource === "status"
          ? []
          : [`${action.object.metadata.name} = ${(action.object as ReplicaSet).spec.replicas}`];
      case "delete":
        return [`delete ${action.key.name}`];
      case "event":
        return [action.event.message];
      case "patch":
      case "unless":
      case "sequence":
      case "each":
      case "ramp":
        return [action.kind];
    }
  });
}

function written(actions: readonly Action[]): Deployment | undefined {
  const found = actions.find((action) => action.kind === "update" && action.subresource === "status");
  return found?.kind === "update" ? (found.object as Deployment) : undefined;
}

function story(owner: Deployment | undefined): Record<string, string> {
  return Object.fromEntries(
    (owner?.status.conditions ?? []).map((one) => [one.type, `${one.status} ${one.reason}: ${one.message}`]),
  );
}

test("a revision has 64 bits", () => {
  const { actions } = plan(deployment(), [set("old", { size: 3, image: "v1", revision: 3546343826724305832n })]);
  const created = actions[0];
  assert.ok(created?.kind === "create");
  assert.equal(created.object.metadata.annotations?.["deployment.kubernetes.io/revision"], "3546343826724305833");
});

test("the first ReplicaSet is created at full size, with revision 1 and a hash in name and labels", () => {
  const { actions } = plan(deployment(), []);
  const created = actions[0];
  assert.ok(created?.kind === "create");
  const { metadata, spec } = created.object as ReplicaSet;
  const hash = metadata.labels?.["pod-template-hash"] ?? "";
  assert.match(hash, /^[bcdfghjklmnpqrstvwxz2456789]{1,10}$/);
  assert.equal(metadata.name, `web-${hash}`);
  assert.equal(spec.selector.matchLabels?.["pod-template-hash"], hash);
  assert.equal(spec.template.metadata.labels?.["pod-template-hash"], hash);
  assert.deepEqual(metadata.annotations, {
    "deployment.kubernetes.io/revision": "1",
    "deployment.kubernetes.io/desired-replicas": "3",
    "deployment.kubernetes.io/max-replicas": "4",
  });
  assert.deepEqual(
    created.created?.(created.object).map((one) => moves([one])),
    [[`Scaled up replica set web-${hash} from 0 to 3`]],
  );
  const owner = written(actions);
  assert.equal(owner?.metadata.annotations?.["deployment.kubernetes.io/revision"], "1");
  assert.deepEqual(story(owner), {
    Progressing: `True NewReplicaSetCreated: Created new replica set "web-${hash}"`,
  });
});

test("a taken name of another template counts as a collision, which changes the hash", () => {
  const owner = deployment();
  const [action] = plan(owner, []).actions;
  assert.ok(action?.kind === "create");
  const other = set("other", { size: 1, image: "v9" });
  const [again] = plan(owner, [], { setNamed: () => other }).actions;
  assert.ok(again?.kind === "create" && again.refused);
  const refusal = new StatusError({ code: 409, reason: "AlreadyExists", message: "taken" });
  const counted = written(again.refused(refusal));
  assert.equal(counted?.status.collisionCount, 1);
  const [next] = plan(deployment({}, { collisionCount: 1 }), []).actions;
  assert.ok(next?.kind === "create");
  assert.notEqual(next.object.metadata.name, action.object.metadata.name);
});

test("a refusal to create is an event and a condition", () => {
  const [action] = plan(deployment(), []).actions;
  assert.ok(action?.kind === "create" && action.refused);
  const name = action.object.metadata.name;
  const done = action.refused(new StatusError({ code: 403, reason: "Forbidden", message: "over quota" }));
  const message = `Failed to create new replica set "${name}": over quota`;
  assert.deepEqual(moves(done), [message]);
  assert.equal(story(written(done))["Progressing"], `False ReplicaSetCreateError: ${message}`);
});

const old = (size: number, available = size): ReplicaSet => set("old", { size, available, image: "v1", revision: 1 });
const fresh = (size: number, available = size): ReplicaSet => set("new", { size, available, revision: 2 });
const surgeOnly = { strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } } as const;
const lossOnly = { strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } } } as const;
const shares = {
  replicas: 10,
  strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" } },
} as const;

const rolling: readonly [name: string, spec: Partial<DeploymentSpec>, sets: ReplicaSet[], moves: string[]][] = [
  [
    "the new set grows into the surge",
    surgeOnly,
    [old(3), fresh(0)],
    ["web-new = 1", "Scaled up replica set web-new from 0 to 1"],
  ],
  ["nothing moves until the new pod is available", surgeOnly, [old(3), fresh(1, 0)], []],
  [
    "an old pod goes for each available new one",
    surgeOnly,
    [old(3), fresh(1)],
    ["web-old = 2", "Scaled down replica set web-old from 3 to 2"],
  ],
  [
    "without surge an old pod goes first",
    lossOnly,
    [old(3), fresh(0)],
    ["web-old = 2", "Scaled down replica set web-old from 3 to 2"],
  ],
  [
    "old pods that are not available go first, whatever the limit",
    surgeOnly,
    [old(3, 1), fresh(1)],
    ["web-old = 2", "Scaled down replica set web-old from 3 to 2"],
  ],
  [
    "shares round surge up and loss down",
    shares,
    [
      set("old", { size: 10, image: "v1", desired: 10, max: 13 }),
      set("new", { size: 0, revision: 2, desired: 10, max: 13 }),
    ],
    ["web-new = 3", "Scaled up replica set web-new from 0 to 3"],
  ],
];
for (const [name, spec, sets, expected] of rolling)
  test(`rolling update: ${name}`, () => {
    const actions = moves(plan(deployment(spec, { conditions: [] }), sets).actions);
    assert.deepEqual(actions, expected);
  });

test("a new size in the middle of a rollout is shared in proportion, the rest to the largest", () => {
  const sets = [
    set("old", { size: 8, image: "v1", revision: 1, desired: 10, max: 13 }),
    set("new", { size: 5, revision: 2, desired: 10, max: 13 }),
  ];
  const actions = moves(plan(deployment({ ...shares, replicas: 15 }), sets).actions);
  assert.deepEqual(actions, [
    "web-old = 12",
    "Scaled up replica set web-old from 8 to 12",
    "web-new = 7",
    "Scaled up replica set web-new from 5 to 7",
  ]);
});

test("a paused Deployment scales but does not roll, and says so", () => {
  const owner = deployment({ paused: true, replicas: 5 });
  const { actions } = plan(owner, [old(3)]);
  assert.deepEqual(moves(actions), ["web-old = 5", "Scaled up replica set web-old from 3 to 5"]);
  assert.equal(story(written(actions))["Progressing"], "Unknown DeploymentPaused: Deployment is paused");
});

test("recreate empties the old set, waits for its last pod, then fills the new one", () => {
  const owner = deployment({ strategy: { type: "Recreate" } });
  assert.deepEqual(moves(plan(owner, [old(3)]).actions), [
    "web-old = 0",
    "Scaled down replica set web-old from 3 to 0",
  ]);
  const pod = { apiVersion: "v1", kind: "Pod", metadata: {}, spec: { containers: [] }, status: {} };
  assert.deepEqual(moves(plan(owner, [old(0)], { runningPodsOf: () => [pod] }).actions), []);
  assert.deepEqual(moves(plan(owner, [old(0)]).actions), ["create 3"]);
});

test("rolling back gives the set the next number and keeps the one it had", () => {
  const back = set("new", { size: 0, revision: 1 });
  const { actions } = plan(deployment(), [back, set("old", { size: 3, image: "v1", revision: 2 })]);
  const action = actions[0];
  assert.ok(action?.kind === "update");
  assert.equal(action.object.metadata.annotations?.["deployment.kubernetes.io/revision"], "3");
  assert.equal(action.object.metadata.annotations["deployment.kubernetes.io/revision-history"], "1");
});

const complete: DeploymentStatus = {
  replicas: 3,
  updatedReplicas: 3,
  readyReplicas: 3,
  availableReplicas: 3,
  terminatingReplicas: 0,
};

test("a complete rollout is told, counted, and cuts the history", () => {
  const owner = deployment({ revisionHistoryLimit: 0 }, complete);
  const { actions } = plan(owner, [old(0), fresh(3)]);
  assert.deepEqual(moves(actions), ["delete web-old"]);
  const after = written(actions);
  assert.deepEqual(story(after), {
    Available: "True MinimumReplicasAvailable: Deployment has minimum availability.",
    Progressing: 'True NewReplicaSetAvailable: ReplicaSet "web-new" has successfully progressed.',
  });
  assert.deepEqual(plan({ ...owner, ...after }, [fresh(3)]).actions, []);
});

test("a rollout that stands still beyond its deadline has failed; before it, the deadline is waited for", () => {
  const at = (lastUpdateTime: string): DeploymentStatus => ({
    ...complete,
    updatedReplicas: 1,
    replicas: 4,
    conditions: [
      { type: "Progressing", status: "True", reason: "ReplicaSetUpdated", lastUpdateTime, lastTransitionTime: longAgo },
    ],
  });
  const sets = [old(3), fresh(1, 0)];
  const late = plan(deployment({ progressDeadlineSeconds: 60 }, at(longAgo)), sets);
  assert.equal(
    story(written(late.actions))["Progressing"],
    'False ProgressDeadlineExceeded: ReplicaSet "web-new" has timed out progressing.',
  );
  const early = plan(deployment({ progressDeadlineSeconds: 60 }, at("2026-01-01T00:09:30Z")), sets);
  assert.equal(early.againAfterMs, 31_000);
});

test("pods that cannot be made show as ReplicaFailure", () => {
  const failing = fresh(3, 0);
  const failure = { type: "ReplicaFailure", status: "True", reason: "FailedCreate", message: "over quota" };
  const { actions } = plan(deployment(), [{ ...failing, status: { ...failing.status, conditions: [failure] } }]);
  assert.equal(story(written(actions))["ReplicaFailure"], "True FailedCreate: over quota");
});
