/**
 * The templates a StatefulSet or DaemonSet had, kept as ControllerRevisions, so that `kubectl rollout undo` can bring
 * one back. Pure.
 */
import { deepEqual } from "#machinery/equal.ts";
import type { KubeObject } from "#machinery/meta.ts";
import type { JsonObject } from "#machinery/shape.ts";
import type { StatusError } from "#machinery/status.ts";
import { controllerRevisions, type ControllerRevision } from "#resources/apps/controller-revision.ts";
import type { PodTemplateSpec } from "#resources/core/pod-spec.ts";
import { create, remove, update } from "./actions.ts";
import type { Action } from "./controller.ts";
import { ownerReferenceTo } from "./ownership.ts";
import { canonicalJson, contentHash } from "./template-hash.ts";

export interface History {
  readonly owner: KubeObject;
  readonly template: PodTemplateSpec;
  readonly collisionCount: number;
  /** Owned revisions in any order. */
  readonly revisions: readonly ControllerRevision[];
  /** The label of a revision that holds its hash. */
  readonly hashLabel: string;
  /** Counts a collision of names in the owner's status. */
  readonly collided: () => readonly Action[];
}

export interface Numbered {
  /** The revision of the template; undefined until `actions` are done. */
  readonly current: ControllerRevision | undefined;
  readonly actions: readonly Action[];
}

/** Finds the revision of the template, brings an older one to the front, or makes one. */
export function numberTemplate(history: History): Numbered {
  const data = dataOf(history.template);
  const ordered = history.revisions.toSorted(byRevision);
  const newest = ordered.at(-1);
  const equal = ordered.findLast((one) => deepEqual(one.data, data));
  if (equal && equal === newest) return { current: equal, actions: [] };
  const revision = (newest?.revision ?? 0) + 1;
  if (equal) return { current: undefined, actions: [update(controllerRevisions, { ...equal, revision })] };
  return { current: undefined, actions: [createRevision(history, data, revision)] };
}

function createRevision(history: History, data: JsonObject, revision: number): Action {
  const { owner, template, collisionCount, hashLabel } = history;
  const hash = contentHash(template, collisionCount);
  const { annotations, namespace, name } = owner.metadata;
  const made: ControllerRevision = {
    apiVersion: "apps/v1",
    kind: "ControllerRevision",
    metadata: {
      namespace,
      name: `${(name ?? "").slice(0, ownerNameMax)}-${hash}`,
      labels: { ...template.metadata.labels, [hashLabel]: hash },
      ...(annotations ? { annotations } : {}),
      ownerReferences: [ownerReferenceTo(owner)],
    },
    data,
    revision,
  };
  const refused = (error: StatusError): readonly Action[] =>
    error.reason === "AlreadyExists" ? history.collided() : [];
  return create(controllerRevisions, made, { refused });
}

// With "-" and a hash of ten, the longest name an object may have.
const ownerNameMax = 223;

export function byRevision(a: ControllerRevision, b: ControllerRevision): number {
  const [left, right] = [a.metadata.creationTimestamp ?? "", b.metadata.creationTimestamp ?? ""];
  return a.revision - b.revision || (left < right ? -1 : left > right ? 1 : 0);
}

/** A strategic merge patch that brings the template back: what `kubectl rollout undo` sends. */
function dataOf(template: PodTemplateSpec): JsonObject {
  // Clients compare the bytes with what they make themselves, in which members stand in the order of their names.
  // Holds because a template from the API is JSON; going through text also drops members that are undefined.
  return JSON.parse(canonicalJson({ spec: { template: { ...template, $patch: "replace" } } })) as JsonObject;
}

export function templateOf(revision: ControllerRevision): PodTemplateSpec {
  // Holds because `dataOf` made it.
  const data = revision.data as unknown as {
    readonly spec: { readonly template: PodTemplateSpec & { $patch?: string } };
  };
  const { $patch: _, ...template } = data.spec.template;
  return template;
}

/** Deletes the oldest revisions that nothing lives by, down to the limit. */
export function cutHistory(
  revisions: readonly ControllerRevision[],
  isLive: (revision: ControllerRevision) => boolean,
  limit: number,
): Action[] {
  const old = revisions.filter((one) => !isLive(one)).toSorted(byRevision);
  return old.slice(0, Math.max(0, old.length - limit)).map((one) => remove(controllerRevisions, one));
}
