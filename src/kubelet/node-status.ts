/**
 * The node's object in the API: made when the node joins, and kept true while it runs, whoever else writes to it.
 *
 * @see https://kubernetes.io/docs/reference/node/node-status/
 */
import { deadline, type Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import { Reconciled } from "#base/reconciled.ts";
import type { Client } from "#client/client.ts";
import type { Recorder } from "#client/recorder.ts";
import type { ContainerRuntime } from "#host/cri.ts";
import { deepEqual } from "#machinery/equal.ts";
import type { JsonObject } from "#machinery/shape.ts";
import { isReason } from "#machinery/status.ts";
import { nodes, type ContainerImage, type Node, type NodeCondition } from "#resources/core/node.ts";
import type { KubeletConfig } from "./config.ts";
import type { Machine } from "./machine.ts";
import { nodeConditions, nodeHealth, type NodeHealth, type Pressures } from "./node-conditions.ts";
import { addressesOf, labelsOf, type NodeFacts } from "./node-facts.ts";
import { newer } from "./plan/newer.ts";

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

const lookMs = 10_000;
// While the node is not ready, a look is taken more often: people wait for it.
const lookUnreadyMs = 1_000;
const turnMs = 30_000;
/** The list of images is for the scheduler's convenience: nothing waits longer for it. */
const imagesMs = 8_000;
/** Heartbeats of conditions that did not change are as old as this at most. */
const reportMs = 300_000;
const imagesMax = 50;
const imageNamesMax = 5;

type NodeStatus = NonNullable<Node["status"]>;

interface Seen {
  /** As the API has it; undefined when it has none. */
  readonly node: Node | undefined;
  readonly health: NodeHealth;
  /** Undefined while the runtime does not tell. */
  readonly images: readonly ContainerImage[] | undefined;
}

type Change = { readonly kind: "register"; readonly seen: Seen } | { readonly kind: "report"; readonly seen: Seen };

export class NodeStatusReporter {
  private readonly parts: NodeStatusParts;
  private readonly changed: (pressures: Pressures) => void;
  private readonly loop: Reconciled<KubeletConfig, Seen, Change>;
  private node: Node | undefined;
  private ready = false;
  private runtimeVersion = "";
  private reportedAtMs = Number.NEGATIVE_INFINITY;
  /** Labels and annotations of the configuration are written once for each start. */
  private registered = false;

  /** @param changed Told what is short, on every look. */
  constructor(parts: NodeStatusParts, changed: (pressures: Pressures) => void) {
    this.parts = parts;
    this.changed = changed;
    this.loop = new Reconciled(
      {
        name: "node-status",
        observe: (signal) => this.observe(signal),
        compare: (_, seen) => this.compare(seen),
        act: (change) => this.act(change),
      },
      { clock: parts.clock, log: parts.log, lookEveryMs: lookMs, turnMs },
    );
  }

  get current(): Node | undefined {
    return this.node;
  }

  get isReady(): boolean {
    return this.ready;
  }

  /** The node as the API has it now; undefined once it is deleted. */
  seen(node: Node | undefined): void {
    if (node === undefined) this.registered = false;
    this.node = node && newer(node, this.node);
    // A node that somebody deleted comes back with the next look, not in a race with them.
    if (node) this.look();
  }

  /** "containerd://2.1.0", once the runtime answered. */
  runtimeIs(version: string): void {
    this.runtimeVersion = version;
    this.look();
  }

  /** Looks at once. */
  look(): void {
    this.loop.look();
  }

  async run(signal: AbortSignal): Promise<void> {
    this.loop.want(this.parts.config);
    await this.loop.run(signal);
  }

  private async observe(signal: AbortSignal): Promise<Seen> {
    const { machine, runtime, config } = this.parts;
    const [health, images] = await Promise.all([
      nodeHealth({ runtime, files: machine.files, rootFolder: config.rootFolder }, signal),
      this.images(signal),
    ]);
    this.ready = health.unready === undefined;
    if (!this.ready) this.loop.look(lookUnreadyMs);
    this.changed(health.pressures);
    return { health, images, node: this.node };
  }

  private compare(seen: Seen): Change | undefined {
    // What the API said since this turn began is newer.
    const now = { ...seen, node: this.node };
    if (!now.node || !this.registered) return { kind: "register", seen: now };
    const old = this.parts.clock.monotonicMs() - this.reportedAtMs >= reportMs;
    return !old && shows(now.node.status, this.status(now)) ? undefined : { kind: "report", seen: now };
  }

  private async act({ kind, seen }: Change): Promise<void> {
    if (kind === "report") {
      await this.report(seen);
      return;
    }
    this.node = newer(await this.register(seen), this.node);
    this.registered = true;
    this.loop.look();
  }

  private async register(seen: Seen): Promise<Node> {
    const { client, config } = this.parts;
    const { nodeName: name, annotations, taints, providerId } = config;
    const labels = labelsOf(config);
    const node: Node = {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name, labels, annotations },
      spec: { ...(taints.length > 0 && { taints }), ...(providerId !== undefined && { providerID: providerId }) },
      status: this.status({ ...seen, node: undefined, health: { ...seen.health, unready: "the node is starting" } }),
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

  private async report(seen: Seen): Promise<void> {
    const { client, clock, config } = this.parts;
    const wasReady = isReady(seen.node);
    try {
      const node = await client.patch(
        { resource: nodes, key: { namespace: "", name: config.nodeName } },
        // Holds because a status is JSON.
        { type: "strategic", body: { status: this.patch(seen) } as unknown as JsonObject },
        { subresource: "status" },
      );
      this.node = newer(node, this.node);
      this.reportedAtMs = clock.monotonicMs();
      if (isReady(node) !== wasReady) this.tellReadiness(node, isReady(node));
    } catch (error) {
      if (isReason(error, "NotFound")) this.node = undefined;
      else throw error;
    }
  }

  /** The status as a patch that leaves nothing of another's in the lists that are the node's alone. */
  private patch(seen: Seen): object {
    const status = this.status(seen);
    const replace = { $patch: "replace" };
    return {
      ...status,
      addresses: [...(status.addresses ?? []), replace],
      capacity: { ...status.capacity, ...replace },
      allocatable: { ...status.allocatable, ...replace },
    };
  }

  private tellReadiness(node: Node, ready: boolean): void {
    const reason = ready ? "NodeReady" : "NodeNotReady";
    const message = `Node ${this.parts.config.nodeName} status is now: ${reason}`;
    this.parts.recorder.record(node, { type: "Normal", reason, message });
  }

  private status({ node, health, images }: Seen): NodeStatus {
    const { config, facts, clock } = this.parts;
    const before = node?.status;
    const containerRuntimeVersion = this.runtimeVersion || (before?.nodeInfo?.containerRuntimeVersion ?? "");
    const others = extended(before?.capacity);
    return {
      capacity: { ...others, ...facts.capacity },
      allocatable: { ...others, ...facts.allocatable },
      addresses: addressesOf(config),
      daemonEndpoints: { kubeletEndpoint: { Port: config.port } },
      nodeInfo: { ...facts.info, containerRuntimeVersion },
      images: images ?? before?.images ?? [],
      conditions: nodeConditions(health, before?.conditions ?? [], clock.nowMs()),
    };
  }

  /** The largest images, as upstream lists them. */
  private async images(signal: AbortSignal): Promise<readonly ContainerImage[] | undefined> {
    using limit = deadline(this.parts.clock, imagesMs, signal);
    const found = await this.parts.runtime.listImages(limit.signal).catch(() => undefined);
    return (
      found &&
      [...found]
        .sort((a, b) => b.size - a.size)
        .slice(0, imagesMax)
        .map((image) => ({
          names: [...image.repoDigests, ...image.repoTags].slice(0, imageNamesMax),
          sizeBytes: image.size,
        }))
    );
  }
}

/** Resources that an administrator says the node has; such a name has a domain of its own. */
function extended(capacity: NodeStatus["capacity"]): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(capacity ?? {}).filter(([name]) => name.includes("/")));
}

function isReady(node: Node | undefined): boolean {
  return node?.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
}

/** Whether the API shows what the node says of itself. Times aside, and what others say beside it. */
function shows(shown: NodeStatus | undefined, wanted: NodeStatus): boolean {
  if (!shown) return false;
  const { conditions = [], ...rest } = wanted;
  const told = ({ type, status, reason, message }: NodeCondition): readonly unknown[] => [
    type,
    status,
    reason,
    message,
  ];
  const asWanted = conditions.every((one) => {
    const found = shown.conditions?.find(({ type }) => type === one.type);
    return found !== undefined && deepEqual(told(found), told(one));
  });
  return (
    asWanted &&
    Object.entries(rest).every(([field, value]) => {
      // Holds because both are statuses of a node.
      const other = shown[field as keyof NodeStatus];
      return deepEqual(other, value);
    })
  );
}
