/** Who a pod of a StatefulSet is: its name carries its ordinal, its ordinal its volumes. Pure. */
import { own } from "#base/own.ts";
import type { StatefulSet } from "#resources/apps/stateful-set.ts";
import type { PersistentVolumeClaim } from "#resources/core/persistent-volume-claim.ts";
import type { PodTemplateSpec } from "#resources/core/pod-spec.ts";
import type { Pod } from "#resources/core/pod.ts";
import { podFromTemplate } from "../pod-from-template.ts";
import type { PodSeen } from "../pod-view.ts";

export const revisionLabel = "controller-revision-hash";
const nameLabel = "statefulset.kubernetes.io/pod-name";
const indexLabel = "apps.kubernetes.io/pod-index";

/** "web-3" is number 3 of "web"; undefined for a name of another form. */
export function parsePodName(name: string): { readonly parent: string; readonly ordinal: number } | undefined {
  const [, parent, ordinal] = /^(.*)-(\d+)$/.exec(name) ?? [];
  if (parent === undefined || ordinal === undefined) return undefined;
  return { parent, ordinal: Number(ordinal) };
}

export function ordinalOf(pod: PodSeen): number {
  return parsePodName(pod.metadata.name ?? "")?.ordinal ?? -1;
}

export function podName(set: StatefulSet, ordinal: number): string {
  return `${set.metadata.name}-${ordinal}`;
}

export function startOf(set: StatefulSet): number {
  return set.spec.ordinals?.start ?? 0;
}

export function replicasOf(set: StatefulSet): number {
  return set.spec.replicas ?? 1;
}

/** Not beyond the number of replicas. */
export function isWanted(set: StatefulSet, ordinal: number): boolean {
  return ordinal >= startOf(set) && ordinal < startOf(set) + replicasOf(set);
}

function claimName(set: StatefulSet, template: PersistentVolumeClaim, ordinal: number): string {
  return `${template.metadata.name}-${set.metadata.name}-${ordinal}`;
}

/** The claims of an ordinal, as they are to be created. */
export function claimsOf(set: StatefulSet, ordinal: number): readonly PersistentVolumeClaim[] {
  return (set.spec.volumeClaimTemplates ?? []).map((template) => ({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      ...(template.metadata.annotations ? { annotations: template.metadata.annotations } : {}),
      namespace: set.metadata.namespace,
      name: claimName(set, template, ordinal),
      labels: { ...template.metadata.labels, ...set.spec.selector.matchLabels },
    },
    spec: template.spec,
    status: {},
  }));
}

/** The pod of an ordinal, from the template of a revision. */
export function podOf(
  set: StatefulSet,
  template: PodTemplateSpec,
  as: { readonly ordinal: number; readonly revision: string },
): Pod {
  const made = podFromTemplate(set, template);
  const name = podName(set, as.ordinal);
  return {
    ...made,
    metadata: {
      ...made.metadata,
      name,
      labels: { ...made.metadata.labels, ...identityLabels(name, as.ordinal), [revisionLabel]: as.revision },
    },
    spec: {
      ...made.spec,
      hostname: name,
      subdomain: set.spec.serviceName,
      volumes: volumesOf(set, made, as.ordinal),
    },
  };
}

function volumesOf(set: StatefulSet, pod: Pod, ordinal: number): Pod["spec"]["volumes"] {
  const templates = set.spec.volumeClaimTemplates ?? [];
  const claimed = new Set(templates.map((template) => template.metadata.name));
  const others = (pod.spec.volumes ?? []).filter((volume) => !claimed.has(volume.name));
  const own = templates.map((template) => ({
    name: template.metadata.name ?? "",
    persistentVolumeClaim: { claimName: claimName(set, template, ordinal) },
  }));
  return [...own, ...others];
}

function identityLabels(name: string, ordinal: number): Record<string, string> {
  return { [nameLabel]: name, [indexLabel]: String(ordinal) };
}

/** The labels a pod lost, or never had because it was adopted; undefined when all is well. */
export function missingIdentity(pod: PodSeen): Record<string, string> | undefined {
  const labels = identityLabels(pod.metadata.name ?? "", ordinalOf(pod));
  return Object.entries(labels).every(([key, value]) => own(pod.metadata.labels, key) === value) ? undefined : labels;
}

export function revisionOfPod(pod: PodSeen): string | undefined {
  return pod.metadata.labels?.[revisionLabel];
}
