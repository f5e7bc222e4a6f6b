/**
 * Places pods and runs them without containers: a pod is ready a moment after it was bound, ends when its annotations
 * say so, and goes when it is deleted.
 */
import { rfc3339, rfc3339Micro, type Clock } from "#base/clock.ts";
import type { Component } from "#base/component.ts";
import type { Client } from "#client/client.ts";
import type { InformerFactory } from "#client/informer.ts";
import { isTrue } from "#controllers/conditions.ts";
import { claimsOf } from "#controllers/volume-protection.ts";
import { keyOf, type ObjectKey } from "#machinery/meta.ts";
import { untyped } from "#machinery/resource.ts";
import type { JsonObject } from "#machinery/shape.ts";
import { leases } from "#resources/coordination/lease.ts";
import { matchesNode, untoleratedTaint } from "#resources/core/node-matching.ts";
import { nodes, type Node } from "#resources/core/node.ts";
import { persistentVolumeClaims } from "#resources/core/persistent-volume-claim.ts";
import { persistentVolumes, type PersistentVolume } from "#resources/core/persistent-volume.ts";
import { pods, type Pod } from "#resources/core/pod.ts";

/** The exit code of every container, after which the pod has ended. Without it, pods run until they are deleted. */
export const exitAnnotation = "simulated/exit-code";

function suits(pod: Pod, node: Node): boolean {
  const { taints } = node.spec;
  return matchesNode(pod.spec, node) && !untoleratedTaint(taints, pod.spec.tolerations, ["NoSchedule", "NoExecute"]);
}

const startMs = 1_000;
const runMs = 5_000;
const heartbeatMs = 10_000;
const triesMax = 30;
const folderFinalizer = "kedge.io/local-folder";

export class SimulatedNodes implements Component {
  readonly name = "simulated-nodes";
  /** Pods made while this is false never become ready. */
  healthy = true;
  /** Nodes that do not report any more. */
  readonly silent = new Set<string>();
  private readonly client: Client;
  private readonly informers: InformerFactory;
  private readonly clock: Clock;
  private signal = AbortSignal.abort();

  constructor(client: Client, informers: InformerFactory, clock: Clock) {
    this.client = client;
    this.informers = informers;
    this.clock = clock;
  }

  async run(signal: AbortSignal): Promise<void> {
    this.signal = signal;
    const informer = this.informers.informer(pods);
    await this.informers.informer(nodes).whenSynced(signal);
    await informer.whenSynced(signal);
    informer.onChange(({ type, object }) => {
      // A conflict comes with another change; a pod that is gone needs nothing.
      if (type !== "deleted") this.step(object, signal).catch(() => undefined);
    }, signal);
    this.informers.informer(persistentVolumes).onChange(({ type, object }) => {
      if (type !== "deleted") this.removeFolder(object).catch(() => undefined);
    }, signal);
    while (!signal.aborted) {
      await this.beat();
      await this.clock.sleep(heartbeatMs, signal);
    }
  }

  /** Every node says that it is alive. */
  private async beat(): Promise<void> {
    const renewTime = rfc3339Micro(this.clock.nowMs());
    for (const node of this.informers.informer(nodes).list("")) {
      const key = { namespace: "kube-node-lease", name: node.metadata.name ?? "" };
      if (this.silent.has(key.name)) continue;
      if (!isTrue(node.status.conditions, "Ready")) await this.reportReady(key.name);
      const lease = { apiVersion: leases.apiVersion, kind: leases.kind, metadata: { ...key }, spec: { renewTime } };
      const patch = { type: "apply", body: lease, force: true } as const;
      await this.client.patch({ resource: leases, key }, patch, { fieldManager: "kubelet" });
    }
  }

  /** A node that was silent and marked as such says how it is. */
  private async reportReady(name: string): Promise<void> {
    const now = rfc3339(this.clock.nowMs());
    const ready = { type: "Ready", status: "True", reason: "KubeletReady", message: "", lastTransitionTime: now };
    const body = { status: { conditions: [{ ...ready, lastHeartbeatTime: now }] } };
    const target = { resource: nodes, key: { namespace: "", name } };
    await this.client.patch(target, { type: "strategic", body }, { subresource: "status" });
  }

  private async step(pod: Pod, signal: AbortSignal): Promise<void> {
    const { phase } = pod.status;
    if (this.silent.has(pod.spec.nodeName ?? "")) return;
    const ended = phase === "Succeeded" || phase === "Failed";
    if (pod.metadata.deletionTimestamp !== undefined) {
      await this.clock.sleep(startMs, signal);
      await this.client.delete(pods, keyOf(pod), { gracePeriodSeconds: 0 });
    } else if (pod.spec.nodeName === undefined) await this.place(pod);
    else if (phase === "Pending" && this.healthy) {
      await this.clock.sleep(startMs, signal);
      await this.report(pod, "Running", undefined);
    } else if (phase === "Running" && !ended && pod.metadata.annotations?.[exitAnnotation] !== undefined) {
      await this.clock.sleep(runMs, signal);
      const exitCode = Number(pod.metadata.annotations[exitAnnotation]);
      await this.report(pod, exitCode === 0 ? "Succeeded" : "Failed", exitCode);
    }
  }

  private async place(pod: Pod): Promise<void> {
    const node = this.informers
      .informer(nodes)
      .list("")
      .find((one) => suits(pod, one));
    if (!node) return;
    for (const name of claimsOf(pod)) await this.waitForVolume({ namespace: pod.metadata.namespace ?? "", name }, node);
    const target = { apiVersion: "v1", kind: "Node", name: node.metadata.name ?? "" };
    const body = { apiVersion: "v1", kind: "Binding", metadata: { name: pod.metadata.name ?? "" }, target };
    await this.client.post({ resource: untyped(pods), key: keyOf(pod), subresource: "binding" }, body);
  }

  /** As the scheduler does: says where the volume is needed, and goes on once it is there. */
  private async waitForVolume(key: ObjectKey, node: Node): Promise<void> {
    const informer = this.informers.informer(persistentVolumeClaims);
    const annotations = { "volume.kubernetes.io/selected-node": node.metadata.name ?? "" };
    const patch = { type: "merge", body: { metadata: { annotations } } } as const;
    for (let tries = 0; informer.get(key)?.status.phase !== "Bound"; tries += 1) {
      if (tries === triesMax) throw new Error(`claim "${key.name}" is not bound`);
      if (informer.get(key)) await this.client.patch({ resource: persistentVolumeClaims, key }, patch);
      await this.clock.sleep(startMs, this.signal);
    }
  }

  private async removeFolder({ metadata }: PersistentVolume): Promise<void> {
    if (metadata.deletionTimestamp === undefined || !metadata.finalizers?.includes(folderFinalizer)) return;
    const body = { metadata: { "$deleteFromPrimitiveList/finalizers": [folderFinalizer] } };
    const key = { namespace: "", name: metadata.name ?? "" };
    await this.client.patch({ resource: persistentVolumes, key }, { type: "strategic", body });
  }

  private async report(pod: Pod, phase: string, exitCode: number | undefined): Promise<void> {
    const now = rfc3339(this.clock.nowMs());
    const ready = exitCode === undefined;
    const state = ready ? { running: { startedAt: now } } : { terminated: { exitCode, finishedAt: now } };
    const containerStatuses = pod.spec.containers.map(({ name, image = "" }) => ({
      name,
      image,
      imageID: "",
      ready,
      restartCount: 0,
      state,
    }));
    const conditions = [{ type: "Ready", status: ready ? "True" : "False", lastTransitionTime: now }];
    const body: JsonObject = { status: { phase, podIP: "10.42.0.2", conditions, containerStatuses } };
    await this.client.patch({ resource: pods, key: keyOf(pod) }, { type: "merge", body }, { subresource: "status" });
  }
}
