/**
 * Nodes that are only said to be there, many of them in one component: they register, send heartbeats, and report pods
 * that were bound to them as running, ended or gone, in the time that flags and annotations say. Nothing of the machine
 * is touched. For tests of operators and of the control plane at scale.
 */
import { messageOf } from "#base/assert.ts";
import { rfc3339Micro, type Clock } from "#base/clock.ts";
import type { Component } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import type { Client } from "#client/client.ts";
import type { Informer, InformerFactory } from "#client/informer.ts";
import type { Recorder } from "#client/recorder.ts";
import { keyOf, type ObjectKey } from "#machinery/meta.ts";
import type { JsonObject } from "#machinery/shape.ts";
import { isReason } from "#machinery/status.ts";
import { leases } from "#resources/coordination/lease.ts";
import { nodes, type Node } from "#resources/core/node.ts";
import { pods, type Pod } from "#resources/core/pod.ts";
import { PodAddresses } from "./fake/addresses.ts";
import { fakeAddress, fakeName, fakeNode, fakeStatus, isFake, silentAnnotation } from "./fake/node.ts";
import {
  annotationProblem,
  endedStatus,
  nextStep,
  startedStatus,
  stoppedStatus,
  type PodTimes,
  type Step,
} from "./fake/pod-life.ts";
import { fakePodView, type FakePod } from "./fake-pod-view.ts";
import { TimeWheel } from "./fake/wheel.ts";
import { WorkLine } from "./fake/work-line.ts";

export interface FakeNodesParts {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly log: Log;
  readonly count: number;
  readonly times: PodTimes;
  /** As kubelets say theirs: "v1.36.0". */
  readonly version: string;
}

// As real kubelets do it.
const leaseSeconds = 40;
const renewMs = 10_000;
const reportMs = 300_000;
const retryMs = 1_000;

/** What comes due on the wheel. */
type Due =
  | { readonly kind: "pod"; readonly uid: string; readonly key: ObjectKey; readonly step: Step["kind"] }
  | { readonly kind: "beat" | "report"; readonly node: string }
  | { readonly kind: "register"; readonly at: number };

export class FakeNodes implements Component {
  readonly name = "fake-nodes";
  private readonly parts: FakeNodesParts;
  private readonly pods: Informer<FakePod>;
  private readonly nodes: Informer<Node>;
  private readonly addresses = new PodAddresses();
  // What each pod waits for, by uid: one step at a time.
  private readonly waiting = new Map<string, Step["kind"]>();
  private readonly leased = new Set<string>();
  private readonly wheel: TimeWheel<Due>;
  private line: WorkLine;

  constructor(parts: FakeNodesParts) {
    this.parts = parts;
    this.pods = parts.informers.informer(fakePodView);
    this.nodes = parts.informers.informer(nodes);
    this.wheel = new TimeWheel(parts.clock, (due) => this.due(due));
    this.line = new WorkLine(AbortSignal.abort());
  }

  async run(signal: AbortSignal): Promise<void> {
    const { count, log } = this.parts;
    this.line = new WorkLine(signal);
    this.waiting.clear();
    try {
      await Promise.all([this.nodes.whenSynced(signal), this.pods.whenSynced(signal)]);
      log.info("fake nodes register", { count });
      for (let at = 0; at < count; at += 1) this.line.add(() => this.register(at));
      this.pods.onChange(({ type, object, old }) => {
        if (old && old.metadata.uid !== object.metadata.uid) this.gone(old);
        if (type === "deleted") this.gone(object);
        else this.look(object);
      }, signal);
      await this.line.whenAborted();
    } finally {
      this.wheel.close();
    }
  }

  private async register(at: number): Promise<void> {
    const { client, clock, count, version } = this.parts;
    const node = fakeName(at);
    try {
      if (!this.nodes.get(keyOfNode(node))) await client.create(nodes, fakeNode(at, version, clock.nowMs()));
      else await this.report(node);
    } catch (error) {
      if (!isReason(error, "AlreadyExists")) {
        this.parts.log.warn("a fake node could not register", { node, error: messageOf(error) });
        return this.wheel.add(retryMs, { kind: "register", at });
      }
    }
    await this.beat(node);
    // All of them spread over the time of one round.
    const share = at / count;
    this.wheel.add(share * renewMs, { kind: "beat", node });
    this.wheel.add(share * reportMs, { kind: "report", node });
  }

  private due(due: Due): void {
    if (due.kind === "pod") {
      this.line.add(() => this.act(due));
      return;
    }
    if (due.kind === "register") {
      this.line.add(() => this.register(due.at));
      return;
    }
    const { node, kind } = due;
    const its = this.nodes.get(keyOfNode(node));
    this.wheel.add(kind === "beat" ? renewMs : reportMs, due);
    // A node that somebody deleted, or silenced, says nothing; it may come back.
    if (!its || isSilent(its)) return;
    const lost = !its.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True");
    if (kind === "report" || lost) this.line.add(() => this.report(node));
    if (kind === "beat") this.line.add(() => this.beat(node));
  }

  /** Renews the node's lease; what goes wrong is made good by the next one. */
  private async beat(name: string): Promise<void> {
    const { client, clock, log } = this.parts;
    const key = { namespace: "kube-node-lease", name };
    const renewTime = rfc3339Micro(clock.nowMs());
    try {
      if (this.leased.has(name))
        await client.patch({ resource: leases, key }, { type: "merge", body: { spec: { renewTime } } });
      else await this.lease(key, renewTime);
      this.leased.add(name);
    } catch (error) {
      this.leased.delete(name);
      if (!isReason(error, "NotFound"))
        log.warn("a fake node could not renew its lease", { name, error: messageOf(error) });
    }
  }

  private async lease(key: ObjectKey, renewTime: string): Promise<void> {
    const { client } = this.parts;
    const uid = this.nodes.get(keyOfNode(key.name))?.metadata.uid;
    const ownerReferences = uid === undefined ? [] : [{ apiVersion: "v1", kind: "Node", name: key.name, uid }];
    const { apiVersion, kind } = leases;
    const spec = { holderIdentity: key.name, leaseDurationSeconds: leaseSeconds, renewTime };
    try {
      await client.create(leases, { apiVersion, kind, metadata: { ...key, ownerReferences }, spec });
    } catch (error) {
      if (!isReason(error, "AlreadyExists")) throw error;
      await client.patch({ resource: leases, key }, { type: "merge", body: { spec: { renewTime } } });
    }
  }

  private async report(node: string): Promise<void> {
    const { client, clock, version, log } = this.parts;
    try {
      // Holds because a status is JSON.
      const body = { status: fakeStatus(node, version, clock.nowMs()) } as unknown as JsonObject;
      const target = { resource: nodes, key: keyOfNode(node) };
      await client.patch(target, { type: "strategic", body }, { subresource: "status" });
    } catch (error) {
      if (!isReason(error, "NotFound")) log.warn("a fake node could not report", { node, error: messageOf(error) });
    }
  }

  private gone({ metadata, spec }: FakePod): void {
    const uid = metadata.uid ?? "";
    this.waiting.delete(uid);
    if (isFake(spec.nodeName ?? "")) this.addresses.free(spec.nodeName ?? "", uid);
  }

  /** Sees to it that what happens to the pod next does, in its time. */
  private look(pod: FakePod): void {
    const { nodeName = "" } = pod.spec;
    if (!isFake(nodeName)) return;
    const { uid = "" } = pod.metadata;
    const { podIP, phase } = pod.status;
    if (phase === "Succeeded" || phase === "Failed") this.addresses.free(nodeName, uid);
    else if (podIP !== undefined && pod.spec.hostNetwork !== true) this.addresses.note(nodeName, podIP, uid);
    const step = nextStep(pod, this.parts.times);
    if (!step || this.waiting.get(uid) === step.kind) return;
    this.waiting.set(uid, step.kind);
    this.wheel.add(step.afterMs, { kind: "pod", uid, key: keyOf(pod), step: step.kind });
  }

  private async act(due: Extract<Due, { kind: "pod" }>): Promise<void> {
    const { uid, key, step } = due;
    const pod = this.pods.get(key);
    // It waits for something else since, or is another one of the same name.
    if (this.waiting.get(uid) !== step || pod?.metadata.uid !== uid) return;
    const node = this.nodes.get(keyOfNode(pod.spec.nodeName ?? ""));
    if (node && isSilent(node)) return this.wheel.add(retryMs, due);
    try {
      if (nextStep(pod, this.parts.times)?.kind === step && !(await this.take(step, pod, node)))
        return this.wheel.add(retryMs, due);
      this.waiting.delete(uid);
      // What was written may have been seen before this line.
      const now = this.pods.get(key);
      if (now?.metadata.uid === uid && now !== pod) this.look(now);
    } catch (error) {
      if (isReason(error, "NotFound") || isReason(error, "Conflict")) this.waiting.delete(uid);
      else {
        this.parts.log.warn("a fake node could not write of a pod", { pod: key.name, error: messageOf(error) });
        this.wheel.add(retryMs, due);
      }
    }
  }

  /** False when it is too early. */
  private async take(step: Step["kind"], pod: FakePod, node: Node | undefined): Promise<boolean> {
    const nowMs = this.parts.clock.nowMs();
    switch (step) {
      case "start":
        return await this.start(pod, node);
      case "end":
        await this.write(pod, endedStatus(pod, this.parts.times, nowMs));
        return true;
      case "stop":
        await this.write(pod, stoppedStatus(pod, nowMs));
        return true;
      case "remove": {
        const { uid = "" } = pod.metadata;
        await this.parts.client.delete(pods, keyOf(pod), { gracePeriodSeconds: 0, uid });
        return true;
      }
    }
  }

  private async start(pod: FakePod, node: Node | undefined): Promise<boolean> {
    const { recorder, clock } = this.parts;
    const { nodeName = "", hostNetwork = false } = pod.spec;
    const hostIP = fakeAddress(nodeName);
    const network = node?.spec?.podCIDR ?? "";
    const podIP = hostNetwork ? hostIP : this.addresses.give(nodeName, network, pod.metadata.uid ?? "");
    if (podIP === undefined) return false;
    const message = annotationProblem(pod);
    if (message !== undefined) recorder.record(pod, { type: "Warning", reason: "InvalidAnnotation", message });
    await this.write(pod, startedStatus(pod, { podIP, hostIP }, clock.nowMs()));
    return true;
  }

  private async write(pod: FakePod, status: Pod["status"]): Promise<void> {
    const { uid = "" } = pod.metadata;
    // Holds because a status is JSON.
    const body = { metadata: { uid }, status } as unknown as JsonObject;
    await this.parts.client.patch(
      { resource: pods, key: keyOf(pod) },
      { type: "strategic", body },
      { subresource: "status" },
    );
  }
}

function keyOfNode(name: string): ObjectKey {
  return { namespace: "", name };
}

function isSilent({ metadata }: Node): boolean {
  return metadata.annotations?.[silentAnnotation] === "true";
}
