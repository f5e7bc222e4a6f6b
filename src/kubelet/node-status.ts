/**
 * The node's object in the API: made when the node joins, kept true while it runs; and its lease, whose renewal says
 * that the node lives.
 *
 * @see https://kubernetes.io/docs/reference/node/node-status/
 */
import { messageOf } from "#base/assert.ts";
import { rfc3339Micro } from "#base/clock.ts";
import type { ContainerRuntime } from "#host/cri.ts";
import type { JsonObject } from "#machinery/shape.ts";
import { isReason } from "#machinery/status.ts";
import { leases } from "#resources/coordination/lease.ts";
import { nodes, type ContainerImage, type Node } from "#resources/core/node.ts";
import type { KubeletConfig } from "./config.ts";
import type { Machine } from "./machine.ts";
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { Client } from "#client/client.ts";
import type { Recorder } from "#client/recorder.ts";
import { nodeConditions, nodeHealth, type NodeHealth, type Pressures } from "./node-conditions.ts";
import { addressesOf, labelsOf, type NodeFacts } from "./node-facts.ts";

export interface NodeStatusParts {
  readonly client: Client;
  readonly recorder: Recorder;
  readonly runtime: ContainerRuntime;
  readonly machine: Machine;
  readonly clock: Clock;
  readonly log: Log;
  readonly config: KubeletConfig;
  readonly facts: NodeFacts;
}

const leaseNamespace = "kube-node-lease";
const leaseSeconds = 40;
const beatMs = 10_000;
// While the node is not ready, a look is taken more often: people wait for it.
const beatUnreadyMs = 1_000;
const reportMs = 300_000;
const imagesMax = 50;
const imageNamesMax = 5;

export class NodeStatusReporter {
  private readonly parts: NodeStatusParts;
  private readonly changed: (pressures: Pressures) => void;
  private node: Node | undefined;
  private reported = "";
  private reportedAtMs = Number.NEGATIVE_INFINITY;
  private leaseKnown = false;
  private ready = false;
  private wakeUp: AbortController | undefined;

  /** @param changed Told what is short, on every look. */
  constructor(parts: NodeStatusParts, changed: (pressures: Pressures) => void) {
    this.parts = parts;
    this.changed = changed;
  }

  get current(): Node | undefined {
    return this.node;
  }

  get isReady(): boolean {
    return this.ready;
  }

  /** The node as the API has it now. */
  seen(node: Node): void {
    this.node = node;
  }

  /** Looks at once, e.g. because images changed. */
  wake(): void {
    this.wakeUp?.abort(new Error("look now"));
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.parts;
    while (!signal.aborted) {
      try {
        this.node ??= await this.register();
        await this.beat(signal);
        await this.renewLease();
      } catch (error) {
        if (signal.aborted) return;
        log.warn("node status not reported", { error: messageOf(error) });
        if (isReason(error, "NotFound")) this.node = undefined;
      }
      this.wakeUp = new AbortController();
      const either = AbortSignal.any([signal, this.wakeUp.signal]);
      await clock.sleep(this.ready ? beatMs : beatUnreadyMs, either).catch(() => undefined);
    }
  }

  private async register(): Promise<Node> {
    const { client, config } = this.parts;
    const { nodeName: name, annotations, taints, providerId } = config;
    const labels = labelsOf(config);
    const node: Node = {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name, labels, annotations },
      spec: { ...(taints.length > 0 && { taints }), ...(providerId !== undefined && { providerID: providerId }) },
      status: this.status(await this.images(), undefined),
    };
    try {
      return await client.create(nodes, node);
    } catch (error) {
      if (!isReason(error, "AlreadyExists")) throw error;
      const key = { namespace: "", name };
      const body = { metadata: { labels, annotations } };
      return await client.patch({ resource: nodes, key }, { type: "merge", body });
    }
  }

  /** Looks at the node, and reports when something changed or the last report is old. */
  private async beat(signal: AbortSignal): Promise<void> {
    const { clock, machine, runtime, config } = this.parts;
    const health = await nodeHealth({ runtime, files: machine.files, rootFolder: config.rootFolder }, signal);
    this.changed(health.pressures);
    const images = await this.images();
    const text = JSON.stringify([health, images]);
    const nowMs = clock.monotonicMs();
    if (text === this.reported && nowMs - this.reportedAtMs < reportMs) return;
    const status = this.status(images, health);
    const wasReady = isReady(this.node);
    this.node = await this.parts.client.patch(
      { resource: nodes, key: { namespace: "", name: config.nodeName } },
      // Holds because a status is JSON.
      { type: "strategic", body: { status } as unknown as JsonObject },
      { subresource: "status" },
    );
    this.reported = text;
    this.reportedAtMs = nowMs;
    this.ready = health.unready === undefined;
    if (this.ready !== wasReady) this.tellReadiness(this.node, this.ready);
  }

  private tellReadiness(node: Node, ready: boolean): void {
    const reason = ready ? "NodeReady" : "NodeNotReady";
    const message = `Node ${this.parts.config.nodeName} status is now: ${reason}`;
    this.parts.recorder.record(node, { type: "Normal", reason, message });
  }

  private status(images: readonly ContainerImage[], health: NodeHealth | undefined): NonNullable<Node["status"]> {
    const { config, facts, clock } = this.parts;
    const starting = { pressures: { memory: false, disk: false, pid: false }, unready: "the node is starting" };
    return {
      capacity: facts.capacity,
      allocatable: facts.allocatable,
      addresses: addressesOf(config),
      daemonEndpoints: { kubeletEndpoint: { Port: config.port } },
      nodeInfo: facts.info,
      images,
      conditions: nodeConditions(health ?? starting, this.node?.status?.conditions ?? [], clock.nowMs()),
    };
  }

  /** The largest images, as upstream lists them. Empty while the runtime is away. */
  private async images(): Promise<readonly ContainerImage[]> {
    const found = await this.parts.runtime.listImages(new AbortController().signal).catch(() => []);
    return [...found]
      .sort((a, b) => b.size - a.size)
      .slice(0, imagesMax)
      .map((image) => ({
        names: [...image.repoDigests, ...image.repoTags].slice(0, imageNamesMax),
        sizeBytes: image.size,
      }));
  }

  private async renewLease(): Promise<void> {
    const { client, clock, config } = this.parts;
    const key = { namespace: leaseNamespace, name: config.nodeName };
    const renewTime = rfc3339Micro(clock.nowMs());
    if (this.leaseKnown) {
      try {
        // Nothing but the time changes, so that the API server need not write it down at once.
        await client.patch({ resource: leases, key }, { type: "merge", body: { spec: { renewTime } } });
        return;
      } catch (error) {
        if (!isReason(error, "NotFound")) throw error;
        this.leaseKnown = false;
      }
    }
    await this.createLease(renewTime);
  }

  private async createLease(renewTime: string): Promise<void> {
    const { client, config } = this.parts;
    const uid = this.node?.metadata.uid;
    const owner = { apiVersion: "v1", kind: "Node", name: config.nodeName, uid: uid ?? "" };
    try {
      await client.create(leases, {
        apiVersion: leases.apiVersion,
        kind: leases.kind,
        metadata: {
          name: config.nodeName,
          namespace: leaseNamespace,
          ...(uid !== undefined && { ownerReferences: [owner] }),
        },
        spec: { holderIdentity: config.nodeName, leaseDurationSeconds: leaseSeconds, renewTime },
      });
    } catch (error) {
      if (!isReason(error, "AlreadyExists")) throw error;
    }
    this.leaseKnown = true;
  }
}

function isReady(node: Node | undefined): boolean {
  return node?.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
}
