/** The pods of this node: a worker for each, woken by the API, the runtime and one another. */
import { messageOf } from "#base/assert.ts";
import { Backoff } from "#base/backoff.ts";
import type { Change, Informer } from "#client/informer.ts";
import type { Node } from "#resources/core/node.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { ContainerEvent } from "#host/cri.ts";
import type { PodParts } from "./act/parts.ts";
import { orphanPod } from "./orphans.ts";
import { refusalOf, resizeRefusal } from "./plan/admission.ts";
import { labelsOf } from "./node-facts.ts";
import { annotation, label } from "./plan/identity.ts";
import { isRunning } from "./plan/observation.ts";
import { PodWorker } from "./pod-worker.ts";
import { QosGroups } from "./qos-groups.ts";

// Everything is driven by events; this is the net below them.
const relistMs = 300_000;

export class Pods {
  private readonly parts: PodParts;
  private readonly informer: Informer<Pod>;
  private readonly node: Informer<Node>;
  private readonly groups: QosGroups;
  private readonly workers = new Map<string, PodWorker>();
  private readonly running = new Set<Promise<void>>();
  /** Told of mirrors of static pods that somebody deleted. */
  mirrorGone: (mirror: Pod) => void = () => undefined;
  /** Resolves once every pod that does not come from the API is known: until then none is an orphan. */
  othersKnown: Promise<void> = Promise.resolve();
  private life: AbortSignal = AbortSignal.abort();

  constructor(parts: PodParts, informers: { readonly pods: Informer<Pod>; readonly node: Informer<Node> }) {
    this.parts = parts;
    this.informer = informers.pods;
    this.node = informers.node;
    const { machine, config, log, allocatable: limits } = parts;
    this.groups = new QosGroups({ cgroups: machine.cgroups, cgroupRoot: config.cgroupRoot, log, limits });
  }

  /** All pods that have a worker. */
  all(): readonly PodWorker[] {
    return [...this.workers.values()];
  }

  find(namespace: string, name: string): PodWorker | undefined {
    return this.all().find(({ current }) => current.metadata.namespace === namespace && current.metadata.name === name);
  }

  /** When a running container, or a sandbox, was started. */
  startedAtMs(id: string): number | undefined {
    for (const { observed } of this.workers.values()) {
      const container = observed.containers.find((one) => one.id === id);
      if (container) return isRunning(container) ? container.startedAt / 1e6 : undefined;
      const sandbox = observed.sandboxes.find((one) => one.id === id);
      if (sandbox) return sandbox.state === "SANDBOX_READY" ? sandbox.createdAt / 1e6 : undefined;
    }
    return undefined;
  }

  byUid(uid: string): PodWorker | undefined {
    return this.workers.get(uid);
  }

  /** Wakes the pods whose volumes show a changed object. */
  referencesChanged(podUids: ReadonlySet<string>): void {
    for (const uid of podUids) this.workers.get(uid)?.referencesChanged();
  }

  /** Runs until the signal is aborted; containers go on then. */
  async run(signal: AbortSignal): Promise<void> {
    this.life = signal;
    // Services are part of every container's environment, the node's labels decide about every pod.
    const needed = [this.informer, this.node, this.parts.services];
    await Promise.all([...needed.map((one) => one.whenSynced(signal)), this.groups.make()]);
    this.informer.onChange((change) => this.changed(change), signal);
    await Promise.all([this.adoptOrphans(signal), this.followRuntime(signal), this.relist(signal)]);
    await Promise.all(this.running);
  }

  /** A pod that should run here. Static pods come through here too. */
  add(pod: Pod): PodWorker {
    const uid = pod.metadata.uid ?? "";
    const known = this.workers.get(uid);
    if (known) {
      known.update(pod);
      return known;
    }
    const worker = this.begin(pod);
    if (pod.status?.startTime === undefined && !worker.isEnding) this.admit(worker);
    return worker;
  }

  private begin(pod: Pod): PodWorker {
    const uid = pod.metadata.uid ?? "";
    const worker = new PodWorker(this.parts, pod, this.life);
    worker.fits = (asked) =>
      resizeRefusal({ pod: asked, others: this.others(worker), allocatable: this.parts.allocatable });
    this.workers.set(uid, worker);
    this.followClasses();
    const run = worker.run().finally(() => {
      this.workers.delete(uid);
      this.followClasses();
      // Whoever waits for room may have it now.
      for (const other of this.workers.values()) if (other.waitsForRoom) other.wake();
      this.running.delete(run);
    });
    this.running.add(run);
    return worker;
  }

  private followClasses(): void {
    void this.groups.follow(this.all().map(({ current }) => current));
  }

  /** Pods that take resources beside this one. */
  private others(worker: PodWorker): readonly Pod[] {
    return this.all()
      .filter((other) => other !== worker && !other.hasEnded)
      .map((other) => other.current);
  }

  private admit(worker: PodWorker): void {
    const { config, allocatable } = this.parts;
    const node = this.node.get({ namespace: "", name: config.nodeName });
    const refusal = refusalOf({
      pod: worker.current,
      others: this.others(worker),
      nodeName: config.nodeName,
      nodeLabels: node?.metadata.labels ?? labelsOf(config),
      allocatable,
      allowedUnsafeSysctls: config.allowedUnsafeSysctls,
    });
    if (!refusal) return;
    this.parts.recorder.record(worker.current, { type: "Warning", ...refusal });
    worker.end({ failure: refusal });
  }

  private changed(change: Change<Pod>): void {
    const { object, old } = change;
    const mirrored = object.metadata.annotations?.[annotation.configMirror];
    if (mirrored !== undefined) {
      if (change.type === "deleted" || object.metadata.deletionTimestamp !== undefined) this.mirrorGone(object);
      else this.workers.get(mirrored)?.mirror(object);
      return;
    }
    // A pod of the same name may have taken its place between two lists.
    if (old && (change.type === "deleted" || old.metadata.uid !== object.metadata.uid))
      this.workers.get(old.metadata.uid ?? "")?.removed();
    if (change.type !== "deleted") this.add(object);
  }

  /** Ends what the runtime has and the API does not. */
  private async adoptOrphans(signal: AbortSignal): Promise<void> {
    const { runtime, machine, volumes, config } = this.parts;
    await this.othersKnown;
    const [sandboxes, containers] = await Promise.all([
      runtime.listPodSandboxes({}, signal),
      runtime.listContainers({}, signal),
    ]);
    for (const sandbox of sandboxes) {
      const uid = sandbox.labels[label.podUid];
      if (uid === undefined || this.workers.has(uid)) continue;
      this.parts.log.info("ending a pod that the API no longer knows", { pod: sandbox.metadata.name });
      this.begin(orphanPod(sandbox, containers)).removed();
    }
    for (const uid of await machine.files.list(`${config.rootFolder}/pods`))
      if (!this.workers.has(uid)) await volumes.remove(uid);
  }

  private async followRuntime(signal: AbortSignal): Promise<void> {
    const { clock, log, runtime } = this.parts;
    const backoff = new Backoff({ firstMs: 100, maxMs: 10_000, resetAfterMs: 60_000, clock });
    while (!signal.aborted) {
      try {
        const events = runtime.events(signal);
        // What happened before the stream began is in nobody's events.
        this.wakeAll();
        for await (const event of events) this.happened(event);
      } catch (error) {
        if (signal.aborted) return;
        log.warn("lost the runtime's events", { error: messageOf(error) });
      }
      await clock.sleep(backoff.nextMs(), signal).catch(() => undefined);
    }
  }

  private happened(event: ContainerEvent): void {
    const uid =
      event.podSandboxStatus?.metadata.uid ??
      event.containersStatuses.map((status) => status.labels[label.podUid]).find(Boolean);
    if (uid === undefined) {
      const owner = this.all().find(({ observed }) =>
        [...observed.containers, ...observed.sandboxes].some((one) => one.id === event.containerId),
      );
      owner?.wake();
    } else this.workers.get(uid)?.wake();
  }

  private async relist(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.parts.clock.sleep(relistMs, signal).catch(() => undefined);
      this.wakeAll();
    }
  }

  private wakeAll(): void {
    for (const worker of this.workers.values()) worker.wake();
  }
}
