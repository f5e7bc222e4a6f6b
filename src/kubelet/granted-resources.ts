/** Which resources a pod was granted: what it asks for now may not fit on the node, and then it keeps what it has. */
import { deepEqual } from "#machinery/equal.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { Refusal } from "./plan/admission.ts";
import { containersOf } from "./plan/observation.ts";
import { grantedBefore, withGranted } from "./plan/resize.ts";

export class GrantedResources {
  /** Why the pod does not have what it asks for; undefined when it does. */
  pending: Refusal | undefined;
  /** With the resources that were granted. */
  private granted: Pod;
  private asked: Pod;

  /**
   * A pod that ran here before has what its status shows it was granted. Whether it gets more is decided with the first
   * `decide`, when the other pods of the node are known.
   */
  constructor(pod: Pod) {
    this.asked = pod;
    this.granted = withGranted(pod, grantedBefore(pod));
  }

  get pod(): Pod {
    return this.granted;
  }

  /** What the pod asks for, granted or not. */
  get wanted(): Pod {
    return this.asked;
  }

  ask(pod: Pod): void {
    this.asked = pod;
    this.granted = withGranted(pod, new Map(containersOf(this.granted).map((one) => [one.name, one.resources])));
  }

  /** @param refusal Why what is asked for cannot be granted; undefined when it can. */
  decide(refusal: (asked: Pod) => Refusal | undefined): void {
    if (this.asked === this.granted) {
      this.pending = undefined;
      return;
    }
    const resources = (pod: Pod): unknown => containersOf(pod).map((one) => one.resources ?? {});
    this.pending = deepEqual(resources(this.asked), resources(this.granted)) ? undefined : refusal(this.asked);
    if (!this.pending) this.granted = this.asked;
  }
}
