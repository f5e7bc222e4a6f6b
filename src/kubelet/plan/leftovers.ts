/**
 * What the machine has of pods, against what is known of them: pure. Events may be lost, calls broken off and programs
 * killed at any moment; this is the net below all of them.
 */
import type { Container, PodSandbox } from "#host/cri.ts";
import type { ShimProcess } from "#host/shims.ts";
import { label } from "./identity.ts";
import { newestFirst, type ObservedPod } from "./observation.ts";

/** As read from outside. */
export interface MachineSeen {
  readonly sandboxes: readonly PodSandbox[];
  readonly containers: readonly Container[];
  /** Control groups of pods. */
  readonly groups: readonly PodGroup[];
  readonly shims: readonly ShimProcess[];
}

export interface PodGroup {
  readonly path: string;
  readonly podUid: string;
}

export interface Leftovers {
  /** Pods that have changed since they were last looked at. */
  readonly changed: readonly string[];
  /** Of pods that nobody wants here. */
  readonly sandboxes: readonly PodSandbox[];
  /** Of pods that go on, in another sandbox: they have ended, and no container is left in them whose log could be asked for. */
  readonly superseded: readonly PodSandbox[];
  /** Containers without a sandbox, of pods that nobody wants here. */
  readonly containers: readonly Container[];
  readonly groups: readonly PodGroup[];
  /** Processes whose sandbox the runtime does not know. It may be in the making. */
  readonly shims: readonly ShimProcess[];
}

/** @param known What was last observed of each pod that is worked on, by uid. */
export function leftoversOf(seen: MachineSeen, known: ReadonlyMap<string, ObservedPod>): Leftovers {
  const isUnwanted = (uid: string): boolean => uid !== "" && !known.has(uid);
  const ids = new Set(seen.sandboxes.map(({ id }) => id));
  const uids = new Set(seen.sandboxes.map(uidOf));
  const now = statesByPod(seen);
  return {
    changed: [...known].filter(([uid, observed]) => (now.get(uid) ?? "") !== statesOf(observed)).map(([uid]) => uid),
    sandboxes: seen.sandboxes.filter((one) => isUnwanted(uidOf(one))),
    superseded: supersededOf(seen).filter((one) => known.has(uidOf(one))),
    containers: seen.containers.filter((one) => isUnwanted(uidOf(one)) && !ids.has(one.podSandboxId)),
    // The group of a pod that is still being ended goes with it.
    groups: seen.groups.filter(({ podUid }) => isUnwanted(podUid) && !uids.has(podUid)),
    shims: seen.shims.filter(({ sandboxId }) => !ids.has(sandboxId)),
  };
}

const uidOf = (one: { readonly labels: Readonly<Record<string, string>> }): string => one.labels[label.podUid] ?? "";

/** A runtime that is killed while it makes a sandbox leaves one that never worked, beside the one that is made after it. */
function supersededOf({ sandboxes, containers }: MachineSeen): readonly PodSandbox[] {
  const used = new Set(containers.map(({ podSandboxId }) => podSandboxId));
  // The last one of a pod that is set stays, and it is the newest.
  const newest = new Map(
    sandboxes
      .toSorted(newestFirst)
      .toReversed()
      .map((one) => [uidOf(one), one.id]),
  );
  return sandboxes.filter(
    (one) => one.state === "SANDBOX_NOTREADY" && newest.get(uidOf(one)) !== one.id && !used.has(one.id),
  );
}

type Stated = Pick<PodSandbox | Container, "id" | "state">;

const textOf = (all: readonly Stated[]): string =>
  all
    .map(({ id, state }) => `${id} ${state}`)
    .sort()
    .join(",");

const statesOf = ({ sandboxes, containers }: ObservedPod): string => textOf([...sandboxes, ...containers]);

function statesByPod({ sandboxes, containers }: MachineSeen): ReadonlyMap<string, string> {
  const byPod = new Map<string, Stated[]>();
  for (const one of [...sandboxes, ...containers]) {
    const uid = one.labels[label.podUid] ?? "";
    const list = byPod.get(uid) ?? [];
    list.push(one);
    byPod.set(uid, list);
  }
  return new Map([...byPod].map(([uid, all]) => [uid, textOf(all)]));
}
