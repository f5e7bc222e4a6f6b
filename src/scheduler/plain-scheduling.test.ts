/** What the scheduler keeps count of, held to the plain definitions while a random cluster changes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Affinity } from "#resources/core/affinity.ts";
import type { Node } from "#resources/core/node.ts";
import type { Pod } from "#resources/core/pod.ts";
import {
  plainAffinityScores,
  plainInterPodAffinity,
  plainSpreadScores,
  plainTopologySpread,
  type PlainCluster,
} from "#testing/plain-scheduling.ts";
import { clusterOf, node, pod } from "#testing/scheduling.ts";
import { TryOut } from "./feasibility.ts";
import type { Cluster, Filter, Rejection } from "./plugin.ts";
import { factsOf } from "./pod-facts.ts";
import { interPodAffinity } from "./plugins/inter-pod-affinity.ts";
import { interPodAffinityScore } from "./plugins/inter-pod-affinity-score.ts";
import { podTopologySpread } from "./plugins/pod-topology-spread.ts";
import { podTopologySpreadScore } from "./plugins/pod-topology-spread-score.ts";
import type { Snapshot } from "./snapshot.ts";

/** A row of numbers that looks like chance and is the same for the same seed. */
function chanceOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const keys = ["zone", "rack", "kubernetes.io/hostname"];

class RandomCluster {
  readonly nodes = new Map<string, Node>();
  readonly pods = new Map<string, Pod>();
  readonly namespaces = new Map<string, Readonly<Record<string, string>>>();
  readonly real: Cluster & { readonly snapshot: Snapshot };
  private readonly below: (bound: number) => number;
  private made = 0;

  constructor(seed: number) {
    this.below = chanceOf(seed);
    this.real = clusterOf([], {}, { namespaceLabels: (name) => this.namespaces.get(name) ?? {} });
    for (let at = 0; at < 6; at += 1) this.setNode(`n${at}`);
    for (let at = 0; at < 8; at += 1) this.setPod(`first${at}`);
  }

  get plain(): PlainCluster {
    return {
      nodes: [...this.nodes.values()],
      pods: [...this.pods.values()],
      namespaceLabels: (name) => this.namespaces.get(name) ?? {},
    };
  }

  pick<T>(from: readonly T[]): T {
    const one = from[this.below(from.length)];
    assert.ok(one !== undefined);
    return one;
  }

  step(): void {
    const name = `n${this.below(8)}`;
    const uid = this.pods.size > 0 ? this.pick([...this.pods.keys()]) : "";
    switch (this.below(9)) {
      case 0:
        return this.setNode(name);
      case 1:
        this.nodes.delete(name);
        return this.real.snapshot.removeNode(name);
      case 2:
        this.pods.delete(uid);
        return this.real.snapshot.removePod(uid);
      case 3:
        return this.change(uid, (one) => ({ ...one, metadata: { ...one.metadata, labels: this.labels() } }));
      case 4: {
        const deletionTimestamp = "2026-01-01T00:00:00Z";
        return this.change(uid, (one) => ({ ...one, metadata: { ...one.metadata, deletionTimestamp } }));
      }
      case 5:
        return this.change(uid, (one) => ({ ...one, status: { phase: "Running" } }));
      case 6:
        return void this.namespaces.set(this.pick(["x", "y"]), this.pick([{}, { team: "a" }, { team: "b" }]));
      default:
        return this.setPod(`p${(this.made += 1)}`);
    }
  }

  /** A pod with a little of everything that is looked at here. */
  randomPod(name: string): Pod {
    const one = pod(name, { namespace: this.pick(["x", "y"]), labels: this.labels(), affinity: this.affinity() });
    const constraints = Array.from({ length: this.below(3) }, () => this.constraint());
    const tolerations = this.pick([[], [{ key: "k", operator: "Exists" as const }]]);
    const nodeSelector = this.pick<Record<string, string>>([{}, {}, { disk: "ssd" }]);
    return { ...one, spec: { ...one.spec, topologySpreadConstraints: constraints, tolerations, nodeSelector } };
  }

  private setNode(name: string): void {
    const labels: Record<string, string> = { disk: this.pick(["ssd", "hdd"]) };
    if (this.below(6) > 0) labels["zone"] = this.pick(["a", "b", "c"]);
    if (this.below(3) > 0) labels["rack"] = this.pick(["1", "2"]);
    const taints = this.below(4) === 0 ? [{ key: "k", effect: "NoSchedule" as const }] : [];
    const one = node(name, {}, { labels, taints });
    this.nodes.set(name, one);
    this.real.snapshot.setNode(one);
  }

  private setPod(name: string): void {
    const one = this.randomPod(name);
    const nodeName = `n${this.below(8)}`;
    const bound = { ...one, spec: { ...one.spec, nodeName } };
    this.pods.set(name, bound);
    if (this.below(2) === 0) this.real.snapshot.assume(factsOf(one), nodeName);
    else this.real.snapshot.setPod(factsOf(bound));
  }

  private change(uid: string, how: (one: Pod) => Pod): void {
    const one = this.pods.get(uid);
    if (!one) return;
    const changed = how(one);
    this.pods.set(uid, changed);
    this.real.snapshot.setPod(factsOf(changed));
  }

  private labels(): Readonly<Record<string, string>> {
    return { app: this.pick(["web", "db"]), tier: this.pick(["1", "2", "3"]) };
  }

  private selector() {
    const tier = [{ key: "tier", operator: "NotIn" as const, values: ["2"] }];
    return this.pick([{ matchLabels: { app: "web" } }, { matchLabels: { app: "db" } }, { matchExpressions: tier }, {}]);
  }

  private term() {
    const reach = this.pick([{}, {}, { namespaces: ["y"] }, { namespaceSelector: { matchLabels: { team: "a" } } }]);
    return { labelSelector: this.selector(), topologyKey: this.pick(keys), ...reach };
  }

  private affinity(): Affinity {
    const some = <T>(make: () => T): T[] => Array.from({ length: Math.max(0, this.below(4) - 2) }, make);
    const weighted = () => ({ weight: 1 + this.below(9), podAffinityTerm: this.term() });
    const both = () => ({
      requiredDuringSchedulingIgnoredDuringExecution: some(() => this.term()),
      preferredDuringSchedulingIgnoredDuringExecution: some(weighted),
    });
    return { podAffinity: both(), podAntiAffinity: both() };
  }

  private constraint(): NonNullable<Pod["spec"]["topologySpreadConstraints"]>[number] {
    return {
      topologyKey: this.pick(keys),
      maxSkew: 1 + this.below(2),
      whenUnsatisfiable: this.pick(["DoNotSchedule", "ScheduleAnyway"] as const),
      labelSelector: this.selector(),
      ...this.pick([{}, { nodeAffinityPolicy: "Ignore" as const }, { nodeTaintsPolicy: "Honor" as const }]),
      ...this.pick([{}, {}, { minDomains: 3 }]),
    };
  }
}

function verdictOf(rejection: Rejection | undefined): string | undefined {
  return rejection && `${rejection.resolvable ? "" : "!"}${rejection.reasons.join()}`;
}

const seeds = 12;
const stepsPerSeed = 60;

const filters: readonly (readonly [string, Filter, typeof plainTopologySpread])[] = [
  ["InterPodAffinity", interPodAffinity, plainInterPodAffinity],
  ["PodTopologySpread", podTopologySpread, plainTopologySpread],
];

for (const [name, filter, plain] of filters)
  test(`${name} says of every node what its plain definition says, however the cluster came about`, () => {
    for (let seed = 1; seed <= seeds; seed += 1) {
      const cluster = new RandomCluster(seed);
      for (let step = 0; step < stepsPerSeed; step += 1) {
        cluster.step();
        const one = cluster.randomPod("asked");
        const check = filter(factsOf(one), cluster.real);
        assert.notEqual(check?.kind, "refused");
        for (const info of cluster.real.snapshot.list) {
          const said = check?.kind === "check" ? verdictOf(check.node(info)) : undefined;
          assert.equal(said, plain(one, info.node, cluster.plain), `seed ${seed}, step ${step}, node ${info.name}`);
        }
      }
    }
  });

for (const [name, filter, plain] of filters)
  test(`${name} says of a node what it would say after pods came to it and left it`, () => {
    for (let seed = 1; seed <= seeds; seed += 1) {
      const cluster = new RandomCluster(seed);
      for (let step = 0; step < stepsPerSeed; step += 1) {
        cluster.step();
        const one = cluster.randomPod("asked");
        const check = filter(factsOf(one), cluster.real);
        if (check?.kind !== "check") continue;
        for (const info of cluster.real.snapshot.list) {
          const there = cluster.plain.pods.filter(({ spec }) => spec.nodeName === info.name);
          const leaving = there.filter((_, at) => at % 2 === step % 2);
          const guest = cluster.randomPod("guest");
          const coming = { ...guest, spec: { ...guest.spec, nodeName: info.name } };
          const tryOut = new TryOut(info, [{ plugin: "NodeName", check }]);
          for (const other of leaving) tryOut.move(factsOf(other), -1);
          tryOut.move(factsOf(coming), 1);
          const pods = [...cluster.plain.pods.filter((other) => !leaving.includes(other)), coming];
          const said = verdictOf(tryOut.rejectionWith([])?.rejection);
          const expected = plain(one, info.node, { ...cluster.plain, pods });
          assert.equal(said, expected, `seed ${seed}, step ${step}, node ${info.name}`);
        }
      }
    }
  });

test("scores for spreading and for pods near others are those of the plain definitions", () => {
  for (let seed = 1; seed <= seeds; seed += 1) {
    const cluster = new RandomCluster(seed);
    for (let step = 0; step < stepsPerSeed; step += 1) {
      cluster.step();
      const one = cluster.randomPod("asked");
      const nodes = cluster.real.snapshot.list.filter((_, at) => (at + step) % 3 > 0);
      if (nodes.length === 0) continue;
      const plainNodes = nodes.map((info) => info.node);
      const none = nodes.map(() => 0);
      const where = `seed ${seed}, step ${step}`;
      const affinity = interPodAffinityScore(factsOf(one), cluster.real, nodes) ?? none;
      assert.deepEqual(affinity, plainAffinityScores(one, plainNodes, cluster.plain), where);
      const constraints = one.spec.topologySpreadConstraints ?? [];
      if (!constraints.some(({ whenUnsatisfiable }) => whenUnsatisfiable === "ScheduleAnyway")) continue;
      const spread = podTopologySpreadScore(factsOf(one), cluster.real, nodes) ?? none;
      assert.deepEqual(spread, plainSpreadScores(one, plainNodes, cluster.plain), where);
    }
  }
});
