/**
 * The places of a StatefulSet, one for each replica, by ordinal. There may be as many as an int32 can count, so they are
 * walked as far as somebody looks and never listed. Pure.
 */
import type { StatefulSet } from "#resources/apps/stateful-set.ts";
import type { PodSeen } from "../pod-view.ts";
import { isWanted, ordinalOf, podName, replicasOf, startOf } from "./identity.ts";

export interface Slot {
  readonly ordinal: number;
  /** Undefined where a pod is missing. */
  readonly pod: PodSeen | undefined;
}

export class Slots {
  /** Pods that have a place, by rising ordinal. */
  readonly pods: readonly PodSeen[];
  private readonly byOrdinal: ReadonlyMap<number, PodSeen>;
  private readonly startAt: number;
  private readonly endAt: number;

  constructor(set: StatefulSet, members: readonly PodSeen[]) {
    const byOrdinal = new Map<number, PodSeen>();
    for (const pod of members) {
      const ordinal = ordinalOf(pod);
      // "web-01" has the ordinal of "web-1", and only the latter is the set's.
      if (isWanted(set, ordinal) && pod.metadata.name === podName(set, ordinal)) byOrdinal.set(ordinal, pod);
    }
    this.byOrdinal = byOrdinal;
    this.pods = [...byOrdinal].toSorted(([a], [b]) => a - b).map(([, pod]) => pod);
    this.startAt = startOf(set);
    this.endAt = startOf(set) + replicasOf(set);
  }

  *rising(): Iterable<Slot> {
    for (let ordinal = this.startAt; ordinal < this.endAt; ordinal += 1)
      yield { ordinal, pod: this.byOrdinal.get(ordinal) };
  }

  /** The lowest place of which it holds; a gap ends the walk, so that it is never longer than the list of pods. */
  first(holds: (pod: PodSeen) => boolean): PodSeen | "a gap" | undefined {
    for (const { pod } of this.rising()) {
      if (!pod) return "a gap";
      if (holds(pod)) return pod;
    }
    return undefined;
  }

  /** The highest place of which it holds, down to the one that `below` places stand under. A gap ends the walk. */
  last(below: number, holds: (pod: PodSeen) => boolean): PodSeen | undefined {
    for (let ordinal = this.endAt - 1; ordinal >= this.startAt + below; ordinal -= 1) {
      const pod = this.byOrdinal.get(ordinal);
      if (!pod || holds(pod)) return pod;
    }
    return undefined;
  }
}
