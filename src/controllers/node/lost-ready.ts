/**
 * Nodes that stopped being ready and whose pods still say that they are. It is asked at every look until no pod says so
 * any more, so that a refusal in between never leaves a pod in the list of those that take traffic. Memory of the
 * controller.
 */
import type { Node } from "#resources/core/node.ts";
import type { PodSeen } from "../pod-view.ts";
import { conditionOf } from "../conditions.ts";
import { isReady } from "../pod-state.ts";

export class LostReady {
  private readonly ready = new Set<string>();
  private readonly lost = new Set<string>();

  /** @returns True while pods of this node are to be told that they are not ready. */
  note(node: Node, onNode: readonly PodSeen[]): boolean {
    const name = node.metadata.name ?? "";
    const status = conditionOf(node.status.conditions, "Ready")?.status;
    if (status === "True") {
      this.ready.add(name);
      this.lost.delete(name);
      return false;
    }
    if (this.ready.delete(name)) this.lost.add(name);
    if (!onNode.some(isReady)) this.lost.delete(name);
    // Of a silent node nobody else says how its pods are; a node that says so itself knows better afterwards.
    return this.lost.has(name) || status === "Unknown";
  }

  forget(name: string): void {
    this.ready.delete(name);
    this.lost.delete(name);
  }
}
