/**
 * The checks that the restricted standard adds: what a pod does not need it must give up.
 *
 * @see https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
 */
import { seccompProfile, uses } from "./baseline.ts";
import {
  containersOf,
  hasOwnUsers,
  isWindows,
  named,
  plural,
  quoted,
  setters,
  sorted,
  type CheckedContainer,
  type Subject,
  type Violation,
} from "./subject.ts";

type Outcome = Violation | undefined;
type Check = (subject: Subject) => Outcome;

/** Pods of Windows may not say what the check asks for. */
export function exceptOnWindows(check: Check): Check {
  return (subject) => (isWindows(subject) ? undefined : check(subject));
}

export function exceptOwnUsers(check: Check): Check {
  return (subject) => (hasOwnUsers(subject) ? undefined : check(subject));
}

export function allowPrivilegeEscalation(subject: Subject): Outcome {
  const bad = containersOf(subject).filter(
    ({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false,
  );
  if (bad.length === 0) return undefined;
  return {
    reason: "allowPrivilegeEscalation != false",
    detail: `${named(bad)} must set securityContext.allowPrivilegeEscalation=false`,
  };
}

export function restrictedCapabilities(subject: Subject): Outcome {
  const foreign = ({ securityContext }: CheckedContainer): string[] =>
    (securityContext?.capabilities?.add ?? []).filter((one) => one !== "NET_BIND_SERVICE");
  const all = containersOf(subject);
  const keeping = all.filter(({ securityContext }) => !(securityContext?.capabilities?.drop ?? []).includes("ALL"));
  const adding = all.filter((container) => foreign(container).length > 0);
  const added = quoted(sorted(adding.flatMap(foreign)));
  const details = [
    ...(keeping.length === 0 ? [] : [`${named(keeping)} must set securityContext.capabilities.drop=["ALL"]`]),
    ...(adding.length === 0 ? [] : [`${named(adding)} must not include ${added} in securityContext.capabilities.add`]),
  ];
  return details.length === 0 ? undefined : { reason: "unrestricted capabilities", detail: details.join("; ") };
}

const allowedVolumes = [
  "configMap",
  "csi",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "image",
  "persistentVolumeClaim",
  "projected",
  "secret",
] as const;

const otherVolumes = [
  "hostPath",
  "gcePersistentDisk",
  "awsElasticBlockStore",
  "gitRepo",
  "nfs",
  "iscsi",
  "glusterfs",
  "rbd",
  "flexVolume",
  "cinder",
  "cephfs",
  "flocker",
  "fc",
  "azureFile",
  "vsphereVolume",
  "quobyte",
  "azureDisk",
  "photonPersistentDisk",
  "portworxVolume",
  "scaleIO",
  "storageos",
] as const;

export function restrictedVolumes({ spec }: Subject): Outcome {
  const bad = (spec.volumes ?? []).filter((volume) => allowedVolumes.every((type) => volume[type] === undefined));
  if (bad.length === 0) return undefined;
  const types = sorted(bad.map((volume) => otherVolumes.find((type) => volume[type] !== undefined) ?? "unknown"));
  const who = `${plural("volume", bad)} ${quoted(bad.map(({ name }) => name))} ${uses(bad)}`;
  return {
    reason: "restricted volume types",
    detail: `${who} ${plural("restricted volume type", types)} ${quoted(types)}`,
  };
}

export function runAsNonRoot(subject: Subject): Outcome {
  const reason = "runAsNonRoot != true";
  const ofPod = subject.spec.securityContext?.runAsNonRoot;
  const saying = (value: boolean | undefined): readonly CheckedContainer[] =>
    containersOf(subject).filter(({ securityContext }) => securityContext?.runAsNonRoot === value);
  const denying = saying(false);
  if (ofPod === false || denying.length > 0)
    return { reason, detail: `${setters(ofPod === false, denying)} must not set securityContext.runAsNonRoot=false` };
  const silent = saying(undefined);
  if (ofPod === true || silent.length === 0) return undefined;
  return { reason, detail: `pod or ${named(silent)} must set securityContext.runAsNonRoot=true` };
}

export function runAsUser(subject: Subject): Outcome {
  const isRoot = (id: number | bigint | undefined): boolean => id !== undefined && Number(id) === 0;
  const isPod = isRoot(subject.spec.securityContext?.runAsUser);
  const bad = containersOf(subject).filter(({ securityContext }) => isRoot(securityContext?.runAsUser));
  if (!isPod && bad.length === 0) return undefined;
  return { reason: "runAsUser=0", detail: `${setters(isPod, bad)} must not set runAsUser=0` };
}

export function restrictedSeccomp(subject: Subject): Outcome {
  const bad = seccompProfile(subject);
  if (bad) return bad;
  if (subject.spec.securityContext?.seccompProfile !== undefined) return undefined;
  const silent = containersOf(subject).filter(({ securityContext }) => securityContext?.seccompProfile === undefined);
  if (silent.length === 0) return undefined;
  return {
    reason: "seccompProfile",
    detail: `pod or ${named(silent)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
  };
}
