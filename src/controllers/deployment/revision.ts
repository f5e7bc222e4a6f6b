/** Revisions of a Deployment: each template it had is a ReplicaSet with a number, and the newest number is current. */
import { deepEqual } from "#machinery/equal.ts";
import type { Deployment } from "#resources/apps/deployment.ts";
import type { ReplicaSet } from "#resources/apps/replica-set.ts";
import type { PodTemplateSpec } from "#resources/core/pod-spec.ts";
import { ownerReferenceTo } from "../ownership.ts";
import { contentHash } from "../template-hash.ts";
import {
  byCreation,
  desiredAnnotation,
  maxAnnotation,
  newSetSize,
  sizeAnnotations,
  sizeOf,
  total,
} from "./replica-counts.ts";

export const hashLabel = "pod-template-hash";
export const revisionAnnotation = "deployment.kubernetes.io/revision";
const historyAnnotation = "deployment.kubernetes.io/revision-history";
const historyCharactersMax = 2000;

/** Annotations that belong to one of the two objects alone. */
const notCopied = new Set([
  "kubectl.kubernetes.io/last-applied-configuration",
  revisionAnnotation,
  historyAnnotation,
  desiredAnnotation,
  maxAnnotation,
  "deprecated.deployment.rollback.to",
]);

/** The oldest ReplicaSet of the Deployment's template, so that every look chooses the same. */
export function findNewSet(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  return sets.toSorted(byCreation).find((set) => sameTemplate(deployment.spec.template, set.spec.template));
}

/** Equal but for the label that only one of them has. */
export function sameTemplate(a: PodTemplateSpec, b: PodTemplateSpec): boolean {
  return deepEqual(bare(a), bare(b));
}

function bare(template: PodTemplateSpec): unknown {
  const { labels = {}, creationTimestamp: _, ...metadata } = template.metadata;
  const { [hashLabel]: __, ...others } = labels;
  return { ...template, metadata: { ...metadata, labels: others } };
}

/** 64 bits, which a number does not hold. */
export function revisionOf(set: ReplicaSet): bigint {
  const text = set.metadata.annotations?.[revisionAnnotation];
  return text !== undefined && /^\d+$/.test(text) ? BigInt(text) : 0n;
}

export function nextRevision(oldSets: readonly ReplicaSet[]): bigint {
  return oldSets.map(revisionOf).reduce((highest, one) => (one > highest ? one : highest), 0n) + 1n;
}

/** The annotations the new ReplicaSet should have. The number only grows; numbers it had before are its history. */
export function newSetAnnotations(
  deployment: Deployment,
  set: ReplicaSet | undefined,
  revision: bigint,
): Record<string, string> {
  const had = set?.metadata.annotations ?? {};
  const copied = Object.entries(deployment.metadata.annotations ?? {}).filter(([name]) => !notCopied.has(name));
  const annotations = { ...had, ...Object.fromEntries(copied) };
  const before = had[revisionAnnotation];
  if (before !== undefined && before !== "" && !/^\d+$/.test(before)) return annotations;
  if (revision <= BigInt(before ?? 0)) return annotations;
  annotations[revisionAnnotation] = String(revision);
  if (before !== undefined) {
    const history = [...(had[historyAnnotation] ?? "").split(",").filter((one) => one !== ""), before];
    while (history.join(",").length > historyCharactersMax) history.shift();
    annotations[historyAnnotation] = history.join(",");
  }
  return annotations;
}

/** The ReplicaSet of the Deployment's template, as it is to be created. */
export function newSetFor(deployment: Deployment, oldSets: readonly ReplicaSet[]): ReplicaSet {
  const { template, selector, minReadySeconds } = deployment.spec;
  const hash = contentHash(template, deployment.status.collisionCount);
  const labels = { ...template.metadata.labels, [hashLabel]: hash };
  const allSize = total(oldSets, sizeOf);
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: {
      namespace: deployment.metadata.namespace,
      name: nameWithHash(deployment.metadata.name ?? "", hash),
      labels,
      annotations: {
        ...newSetAnnotations(deployment, undefined, nextRevision(oldSets)),
        ...sizeAnnotations(deployment),
      },
      ownerReferences: [ownerReferenceTo(deployment)],
    },
    spec: {
      replicas: newSetSize(deployment, 0, allSize),
      ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [hashLabel]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
    status: { replicas: 0 },
  };
}

// Pods get "-" and five letters more, and their names must stay DNS labels.
const setNameMax = 63 - 6;

function nameWithHash(name: string, hash: string): string {
  return `${name.slice(0, setNameMax - hash.length - 1)}-${hash}`;
}
