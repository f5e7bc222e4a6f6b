/**
 * What happens to containers without this kubelet's doing: told by the runtime's events, and compared every 30 seconds
 * with what the runtime and the kernel show, for events are lost and calls broken off. What nobody wants goes.
 */
import { messageOf } from "#base/assert.ts";
import { Backoff } from "#base/backoff.ts";
import { Reconciled } from "#base/reconciled.ts";
import type { ContainerEvent } from "#host/cri.ts";
import type { ShimProcess } from "#host/shims.ts";
import type { PodParts } from "./act/parts.ts";
import { guarded } from "./guard.ts";
import { orphanPod } from "./orphans.ts";
import { leftoversOf, type Leftovers, type MachineSeen, type PodGroup } from "./plan/leftovers.ts";
import { containerById, type ObservedPod } from "./plan/observation.ts";
import type { Pods } from "./pods.ts";

export interface RuntimeWatchOptions {
  readonly pods: Pods;
  /** Since when the oldest sandbox has been in the making; undefined when none is. */
  readonly makingSandboxSinceMs: () => number | undefined;
}

/** A process without a sandbox is given this long: what an earlier kedge asked for may still come to its end. */
const strayMs = 25_000;
const groupPrefix = "pod";

interface Change {
  readonly seen: MachineSeen;
  readonly leftovers: Leftovers;
}

const has = (observed: ObservedPod, id: string): boolean =>
  containerById(observed, id) !== undefined || observed.sandboxes.some((one) => one.id === id);

export class RuntimeWatch {
  private readonly parts: PodParts;
  private readonly options: RuntimeWatchOptions;
  private readonly loop: Reconciled<Pods, MachineSeen, Change>;
  /** Processes without a sandbox, and when each was first seen so, by process number. */
  private strays = new Map<number, number>();

  constructor(parts: PodParts, options: RuntimeWatchOptions) {
    this.parts = parts;
    this.options = options;
    this.loop = new Reconciled(
      {
        name: "pods-on-this-machine",
        observe: (signal) => this.observe(signal),
        compare: (_, seen) => this.compare(seen),
        act: (change, signal) => this.act(change, signal),
      },
      { clock: parts.clock, log: parts.log },
    );
  }

  async run(signal: AbortSignal): Promise<void> {
    const { pods } = this.options;
    // Until every pod that is wanted is known, none is unwanted.
    await Promise.all([pods.whenListed, pods.othersKnown]);
    if (signal.aborted) return;
    this.loop.want(pods);
    await Promise.all([this.loop.run(signal), this.follow(signal)]);
  }

  private async follow(signal: AbortSignal): Promise<void> {
    const { clock, log, runtime } = this.parts;
    const backoff = new Backoff({ firstMs: 100, maxMs: 10_000, resetAfterMs: 60_000, clock });
    const happened = guarded(log, "runtime event", (event: ContainerEvent) => this.happened(event));
    while (!signal.aborted) {
      try {
        const events = runtime.events(signal);
        // What happened before the stream began is in nobody's events.
        this.options.pods.wakeAll();
        for await (const event of events) happened(event);
      } catch (error) {
        if (signal.aborted) return;
        log.warn("lost the runtime's events", { error: messageOf(error) });
      }
      await clock.sleep(backoff.nextMs(), signal).catch(() => undefined);
    }
  }

  private happened(event: ContainerEvent): void {
    const { pods } = this.options;
    const uid = event.podSandboxStatus?.metadata.uid;
    const owner =
      uid === undefined ? pods.all().find(({ observed }) => has(observed, event.containerId)) : pods.byUid(uid);
    owner?.wake();
  }

  private async observe(signal: AbortSignal): Promise<MachineSeen> {
    const { runtime, machine } = this.parts;
    // Groups and processes first: what is made meanwhile is then in the runtime's answer, but not among them.
    const [groups, shims] = await Promise.all([this.groups(), machine.shims?.list() ?? []]);
    const [sandboxes, containers] = await Promise.all([
      runtime.listPodSandboxes({}, signal),
      runtime.listContainers({}, signal),
    ]);
    return { sandboxes, containers, groups, shims };
  }

  private async groups(): Promise<readonly PodGroup[]> {
    const { machine, config } = this.parts;
    const folders = ["", "/burstable", "/besteffort"].map((name) => `${config.cgroupRoot}/kubepods${name}`);
    const below = await Promise.all(
      folders.map(async (folder) =>
        (await machine.cgroups.children(folder))
          .filter((name) => name.startsWith(groupPrefix) && !name.includes("/"))
          .map((name) => ({ path: `${folder}/${name}`, podUid: name.slice(groupPrefix.length) })),
      ),
    );
    return below.flat();
  }

  private compare(seen: MachineSeen): Change | undefined {
    const known = new Map<string, ObservedPod>(this.options.pods.all().map(({ uid, observed }) => [uid, observed]));
    const all = leftoversOf(seen, known);
    const leftovers: Leftovers = { ...all, shims: this.forgotten(all.shims) };
    return Object.values(leftovers).some((list) => list.length > 0) ? { seen, leftovers } : undefined;
  }

  /** Of processes without a sandbox those that cannot be for one that is being made. */
  private forgotten(shims: readonly ShimProcess[]): readonly ShimProcess[] {
    const nowMs = this.parts.clock.monotonicMs();
    this.strays = new Map(shims.map(({ process: { pid } }) => [pid, this.strays.get(pid) ?? nowMs]));
    const makingSinceMs = this.options.makingSandboxSinceMs() ?? Number.POSITIVE_INFINITY;
    return shims.filter(({ process: { pid } }) => {
      const sinceMs = this.strays.get(pid) ?? nowMs;
      return nowMs - sinceMs >= strayMs && sinceMs < makingSinceMs;
    });
  }

  private async act({ seen, leftovers }: Change, signal: AbortSignal): Promise<void> {
    const { pods } = this.options;
    const { log, machine, runtime } = this.parts;
    for (const uid of leftovers.changed) pods.byUid(uid)?.wake();
    for (const sandbox of leftovers.sandboxes) {
      log.info("ending a pod that the API no longer knows", { pod: sandbox.metadata.name });
      pods.end(orphanPod(sandbox, seen.containers));
    }
    const failures: unknown[] = [];
    const attempt = async (what: string, name: string, work: () => Promise<void>): Promise<void> => {
      log.info(`removing ${what} that no pod has`, { name });
      await work().catch((error: unknown) => failures.push(error));
    };
    for (const { id } of leftovers.superseded)
      await attempt("a sandbox that was replaced", id, () => runtime.removePodSandbox(id, signal));
    for (const { id } of leftovers.containers)
      await attempt("a container", id, () => runtime.removeContainer(id, signal));
    for (const shim of leftovers.shims)
      await attempt("a sandbox' process", shim.sandboxId, () => machine.shims?.end(shim) ?? Promise.resolve());
    for (const { path } of leftovers.groups) await attempt("a control group", path, () => machine.cgroups.remove(path));
    if (failures.length > 0) throw new Error(failures.map((one) => messageOf(one)).join("; "));
  }
}
