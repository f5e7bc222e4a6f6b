/** The pods of this node: a worker for each, woken by the API, by one another, and by runtime-watch.ts. */
import { messageOf } from "#base/assert.ts";
import { Backoff } from "#base/backoff.ts";
import { Reconciled } from "#base/reconciled.ts";
import type { Change, Informer } from "#client/informer.ts";
import { keyOf } from "#machinery/meta.ts";
import type { Node } from "#resources/core/node.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { PodParts } from "./act/parts.ts";
import { guarded } from "./guard.ts";
import { refusalOf, resizeRefusal, type Refusal } from "./plan/admission.ts";
import { labelsOf } from "./node-facts.ts";
import { annotation, label } from "./plan/identity.ts";
import { containerById, isRunning } from "./plan/observation.ts";
import { PodWorker } from "./pod-worker.ts";
import { QosGroups } from "./qos-groups.ts";

interface Difference {
  readonly gone: readonly PodWorker[];
  readonly missing: readonly Pod[];
}

export class Pods {
  private readonly parts: PodParts;
  private readonly informer: Informer<Pod>;
  private readonly node: Informer<Node>;
  private readonly groups: QosGroups;
  private readonly workers = new Map<string, PodWorker>();
  private readonly running = new Set<Promise<void>>();
  /** Uids of pods that the API had. */
  private readonly fromApi = new Set<string>();
  /**
   * Uids of pods that have run their course here and that the API still shows, because it is late or something else
   * holds them. What is told of them is of their past: nothing of it is begun anew.
   */
  private readonly over = new Set<string>();
  private readonly listed = Promise.withResolvers<void>();
  private leaving: (() => void)[] = [];
  private allKnown = false;
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
      const container = containerById(observed, id);
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

  /** Resolves once every pod of the API is known here. */
  get whenListed(): Promise<void> {
    return this.listed.promise;
  }

  /** Runs until the signal is aborted; containers go on then. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, services } = this.parts;
    this.life = signal;
    // Services are part of every container's environment, the node's labels decide about every pod.
    const needed = [this.informer, this.node, services];
    await Promise.all([...needed.map((one) => one.whenSynced(signal)), this.groups.make()]);
    this.informer.onChange(
      guarded(log, "pod of the API", (change: Change<Pod>) => this.changed(change)),
      signal,
    );
    this.listed.resolve();
    await this.removeFolders();
    const loop = new Reconciled<string, readonly Pod[], Difference>(
      {
        name: "pods-of-the-api",
        observe: () => Promise.resolve(this.shown()),
        compare: (_, pods) => this.difference(pods),
        act: async (difference) => this.follow(difference),
      },
      { clock, log },
    );
    loop.want(this.parts.config.nodeName);
    await loop.run(signal);
    await Promise.all(this.running);
  }

  /** The pods of the API; those that ended here and that it does not show any more are forgotten. */
  private shown(): readonly Pod[] {
    const pods = this.informer.list();
    const there = new Set(pods.map(({ metadata }) => metadata.uid ?? ""));
    for (const uid of this.over) if (!there.has(uid)) this.over.delete(uid);
    return pods;
  }

  /** Between the pods of the API and those that are worked on: work may have failed, changes may have been missed. */
  private difference(pods: readonly Pod[]): Difference | undefined {
    const there = new Set(pods.map(({ metadata }) => metadata.uid ?? ""));
    const gone = this.all().filter(({ uid }) => this.fromApi.has(uid) && !there.has(uid));
    const missing = pods.filter(
      ({ metadata }) =>
        metadata.annotations?.[annotation.configMirror] === undefined &&
        !this.workers.has(metadata.uid ?? "") &&
        !this.over.has(metadata.uid ?? ""),
    );
    return gone.length + missing.length > 0 ? { gone, missing } : undefined;
  }

  private follow({ gone, missing }: Difference): void {
    const add = guarded(this.parts.log, "pod of the API", (pod: Pod) => this.addFromApi(pod));
    for (const pod of missing) add(pod);
    for (const worker of gone) worker.removed();
  }

  private addFromApi(pod: Pod): void {
    if (this.over.has(pod.metadata.uid ?? "")) return;
    this.fromApi.add(pod.metadata.uid ?? "");
    this.add(pod);
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

  /** Ends a pod that nobody knows of but the runtime. */
  end(pod: Pod): void {
    if (!this.workers.has(pod.metadata.uid ?? "")) this.begin(pod).removed();
  }

  private begin(pod: Pod): PodWorker {
    const uid = pod.metadata.uid ?? "";
    const worker = new PodWorker(this.parts, pod, this.life);
    worker.fits = (asked) => this.fits(worker, asked);
    this.workers.set(uid, worker);
    this.followClasses();
    const run = this.keep(worker).finally(() => {
      this.workers.delete(uid);
      if (this.fromApi.delete(uid) && this.informer.get(keyOf(pod))?.metadata.uid === uid) this.over.add(uid);
      this.followClasses();
      // Whoever waits for room may have it now.
      for (const other of this.workers.values()) if (other.waitsForRoom) other.wake();
      this.running.delete(run);
      for (const told of this.leaving.splice(0)) told();
    });
    this.running.add(run);
    return worker;
  }

  /** Works on the pod until it is gone, again after whatever fails. Never throws. */
  private async keep(worker: PodWorker): Promise<void> {
    const { clock, log, recorder } = this.parts;
    const backoff = new Backoff({ firstMs: 1_000, maxMs: 60_000, resetAfterMs: 300_000, clock });
    while (!this.life.aborted) {
      try {
        await worker.run();
        return;
      } catch (error) {
        const message = `Error syncing pod, skipping: ${messageOf(error)}`;
        log.error("work on a pod failed", { pod: worker.current.metadata.name, error: messageOf(error) });
        recorder.record(worker.current, { type: "Warning", reason: "FailedSync", message });
        await clock.sleep(backoff.nextMs(), this.life).catch(() => undefined);
      }
    }
  }

  /** Whether other resources can be given: not said before it is known who else is here. */
  private fits(worker: PodWorker, asked: Pod): Refusal | undefined {
    const { allocatable } = this.parts;
    if (!this.allKnown) return { reason: "Deferred", message: "the node does not know all of its pods yet" };
    return resizeRefusal({ pod: asked, others: this.others(worker), allocatable });
  }

  /** Resolves with the next pod that is gone, or when the kubelet ends. */
  whenOneIsGone(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.leaving.push(resolve);
    return promise;
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
      else this.mirroredBy(object, mirrored)?.mirror(object);
      return;
    }
    // A pod of the same name may have taken its place between two lists.
    if (old && (change.type === "deleted" || old.metadata.uid !== object.metadata.uid))
      this.workers.get(old.metadata.uid ?? "")?.removed();
    if (change.type !== "deleted") this.addFromApi(object);
  }

  /** Of static pods alone, and only under their names: what a pod of the API claims to mirror, anybody may have written. */
  private mirroredBy({ metadata }: Pod, uid: string): PodWorker | undefined {
    const worker = this.workers.get(uid);
    if (!worker || this.fromApi.has(uid)) return undefined;
    const { name, namespace } = worker.current.metadata;
    return metadata.name === name && metadata.namespace === namespace ? worker : undefined;
  }

  /** Folders of pods that went while kedge was not running. */
  private async removeFolders(): Promise<void> {
    const { machine, volumes, config, log, runtime } = this.parts;
    await this.othersKnown;
    this.allKnown = true;
    for (const worker of this.workers.values()) if (worker.waitsForRoom) worker.wake();
    try {
      const sandboxes = await runtime.listPodSandboxes({}, this.life);
      const running = new Set(sandboxes.map(({ labels }) => labels[label.podUid]));
      for (const uid of await machine.files.list(`${config.rootFolder}/pods`))
        if (!this.workers.has(uid) && !running.has(uid)) await volumes.remove(uid);
    } catch (error) {
      if (!this.life.aborted) log.warn("folders of pods that are gone not removed", { error: messageOf(error) });
    }
  }

  /** The machine was suspended, or its clock set: every pod is looked at. */
  timeJumped(): void {
    for (const worker of this.workers.values()) worker.referencesChanged();
  }

  wakeAll(): void {
    for (const worker of this.workers.values()) worker.wake();
  }
}
