/**
 * The checks of the baseline standard: what lets a pod out of its container is not allowed.
 *
 * @see https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline
 */
import { own } from "#base/own.ts";
import type { SELinuxOptions } from "#resources/core/security.ts";
import {
  containersOf,
  hasOwnUsers,
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

const appArmorPrefix = "container.apparmor.security.beta.kubernetes.io/";

export function appArmorProfile(subject: Subject): Outcome {
  const isBad = (type: string | undefined): boolean =>
    type !== undefined && type !== "RuntimeDefault" && type !== "Localhost";
  const ofPod = subject.spec.securityContext?.appArmorProfile?.type;
  const bad = containersOf(subject).filter(({ securityContext }) => isBad(securityContext?.appArmorProfile?.type));
  const types = [ofPod, ...bad.map(({ securityContext }) => securityContext?.appArmorProfile?.type)].flatMap((type) =>
    type !== undefined && isBad(type) ? [type] : [],
  );
  const annotations = Object.entries(subject.annotations)
    .filter(([key, value]) => key.startsWith(appArmorPrefix) && !isAppArmorAllowed(value))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  const values = [...sorted(types), ...annotations.toSorted()];
  if (values.length === 0) return undefined;
  const said = setters(isBad(ofPod), bad);
  const who = [said, annotations.length === 0 ? "" : plural("annotation", annotations)].filter((part) => part !== "");
  return {
    reason: plural("forbidden AppArmor profile", values),
    detail: `${who.join(" and ")} must not set AppArmor profile type to ${quoted(values)}`,
  };
}

function isAppArmorAllowed(profile: string): boolean {
  return profile === "" || profile === "runtime/default" || profile.startsWith("localhost/");
}

const defaultCapabilities = new Set(
  "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT".split(
    " ",
  ),
);

export function capabilities(subject: Subject): Outcome {
  const foreign = ({ securityContext }: CheckedContainer): string[] =>
    (securityContext?.capabilities?.add ?? []).filter((one) => !defaultCapabilities.has(one));
  const bad = containersOf(subject).filter((container) => foreign(container).length > 0);
  if (bad.length === 0) return undefined;
  const added = quoted(sorted(bad.flatMap(foreign)));
  return {
    reason: "non-default capabilities",
    detail: `${named(bad)} must not include ${added} in securityContext.capabilities.add`,
  };
}

export function hostNamespaces({ spec }: Subject): Outcome {
  const shared = (["hostNetwork", "hostPID", "hostIPC"] as const).filter((name) => spec[name] === true);
  if (shared.length === 0) return undefined;
  return { reason: "host namespaces", detail: shared.map((name) => `${name}=true`).join(", ") };
}

export function hostPathVolumes({ spec }: Subject): Outcome {
  const bad = (spec.volumes ?? []).filter(({ hostPath }) => hostPath !== undefined);
  if (bad.length === 0) return undefined;
  const names = quoted(bad.map(({ name }) => name));
  return { reason: "hostPath volumes", detail: `${plural("volume", bad)} ${names}` };
}

export function hostPorts(subject: Subject): Outcome {
  const portsOf = ({ ports = [] }: CheckedContainer): string[] =>
    ports.flatMap(({ hostPort = 0 }) => (hostPort === 0 ? [] : [String(hostPort)]));
  const bad = containersOf(subject).filter((container) => portsOf(container).length > 0);
  if (bad.length === 0) return undefined;
  const ports = sorted(bad.flatMap(portsOf));
  return { reason: "hostPort", detail: `${named(bad)} ${uses(bad)} ${plural("hostPort", ports)} ${ports.join(", ")}` };
}

export function uses(items: readonly unknown[]): string {
  return items.length === 1 ? "uses" : "use";
}

export function probeHosts(subject: Subject): Outcome {
  const hostsOf = (container: CheckedContainer): string[] => {
    const { livenessProbe, readinessProbe, startupProbe, lifecycle } = container;
    return [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop].flatMap((handler) =>
      [handler?.httpGet?.host ?? "", handler?.tcpSocket?.host ?? ""].filter((host) => host !== ""),
    );
  };
  const bad = containersOf(subject).filter((container) => hostsOf(container).length > 0);
  if (bad.length === 0) return undefined;
  const names = sorted(bad.map(({ name }) => name));
  const hosts = sorted(bad.flatMap(hostsOf));
  const who = `${plural("container", names)} ${quoted(names)} ${uses(names)}`;
  return {
    reason: "probe or lifecycle host",
    detail: `${who} ${plural("probe or lifecycle host", hosts)} ${quoted(hosts)}`,
  };
}

export function privileged(subject: Subject): Outcome {
  const bad = containersOf(subject).filter(({ securityContext }) => securityContext?.privileged === true);
  if (bad.length === 0) return undefined;
  return { reason: "privileged", detail: `${named(bad)} must not set securityContext.privileged=true` };
}

export function procMount(subject: Subject): Outcome {
  const mountOf = ({ securityContext }: CheckedContainer): string => securityContext?.procMount ?? "Default";
  const bad = containersOf(subject).filter((container) => mountOf(container) !== "Default");
  if (bad.length === 0) return undefined;
  const types = quoted(sorted(bad.map(mountOf)));
  return { reason: "procMount", detail: `${named(bad)} must not set securityContext.procMount to ${types}` };
}

export function procMountOfOwnUsers(subject: Subject): Outcome {
  return hasOwnUsers(subject) ? undefined : procMount(subject);
}

export function seLinuxOptions(types: readonly string[]): (subject: Subject) => Outcome {
  const isBad = (options: SELinuxOptions | undefined): options is SELinuxOptions =>
    options !== undefined &&
    (!types.includes(options.type ?? "") || (options.user ?? "") !== "" || (options.role ?? "") !== "");
  return (subject) => {
    const ofPod = subject.spec.securityContext?.seLinuxOptions;
    const bad = containersOf(subject).filter(({ securityContext }) => isBad(securityContext?.seLinuxOptions));
    const options = [ofPod, ...bad.map(({ securityContext }) => securityContext?.seLinuxOptions)].filter(isBad);
    if (options.length === 0) return undefined;
    const badTypes = sorted(options.map(({ type = "" }) => type).filter((type) => !types.includes(type)));
    const data = [
      ...(badTypes.length === 0 ? [] : [`${plural("type", badTypes)} ${quoted(badTypes)}`]),
      ...(options.some(({ user = "" }) => user !== "") ? ["user may not be set"] : []),
      ...(options.some(({ role = "" }) => role !== "") ? ["role may not be set"] : []),
    ];
    const who = setters(isBad(ofPod), bad);
    return {
      reason: "seLinuxOptions",
      detail: `${who} set forbidden securityContext.seLinuxOptions: ${data.join("; ")}`,
    };
  };
}

const seccompPod = "seccomp.security.alpha.kubernetes.io/pod";
const seccompPrefix = "container.seccomp.security.alpha.kubernetes.io/";

/** Before v1.19 profiles were annotations. */
export function seccompAnnotations(subject: Subject): Outcome {
  const { annotations } = subject;
  const keys = [seccompPod, ...containersOf(subject).map(({ name }) => seccompPrefix + name)];
  const forbidden = sorted(
    keys.flatMap((key) => {
      const value = own(annotations, key);
      return value === undefined || isSeccompAllowed(value) ? [] : [`${key}=${JSON.stringify(value)}`];
    }),
  );
  if (forbidden.length === 0) return undefined;
  return { reason: "seccompProfile", detail: `forbidden ${plural("annotation", forbidden)} ${forbidden.join(", ")}` };
}

function isSeccompAllowed(profile: string): boolean {
  return profile === "runtime/default" || profile === "docker/default" || profile.startsWith("localhost/");
}

function isBadSeccomp(type: string | undefined): type is string {
  return type !== undefined && type !== "Localhost" && type !== "RuntimeDefault";
}

export function seccompProfile(subject: Subject): Outcome {
  const ofPod = subject.spec.securityContext?.seccompProfile?.type;
  const typeOf = ({ securityContext }: CheckedContainer): string | undefined => securityContext?.seccompProfile?.type;
  const bad = containersOf(subject).filter((container) => isBadSeccomp(typeOf(container)));
  const types = sorted([ofPod, ...bad.map(typeOf)].filter(isBadSeccomp));
  if (types.length === 0) return undefined;
  const who = setters(isBadSeccomp(ofPod), bad);
  return {
    reason: "seccompProfile",
    detail: `${who} must not set securityContext.seccompProfile.type to ${quoted(types)}`,
  };
}

export function sysctls(allowed: readonly string[]): (subject: Subject) => Outcome {
  return ({ spec }) => {
    const names = (spec.securityContext?.sysctls ?? []).map(({ name }) => name);
    const forbidden = names.filter((name) => !allowed.includes(name));
    return forbidden.length === 0 ? undefined : { reason: "forbidden sysctls", detail: forbidden.join(", ") };
  };
}

export function windowsHostProcess(subject: Subject): Outcome {
  const isPod = subject.spec.securityContext?.windowsOptions?.hostProcess === true;
  const bad = containersOf(subject).filter(
    ({ securityContext }) => securityContext?.windowsOptions?.hostProcess === true,
  );
  if (!isPod && bad.length === 0) return undefined;
  return {
    reason: "hostProcess",
    detail: `${setters(isPod, bad)} must not set securityContext.windowsOptions.hostProcess=true`,
  };
}
