/**
 * Security contexts of pods and containers in the runtime's words.
 *
 * @see https://kubernetes.io/docs/tasks/configure-pod-container/security-context/
 */
import type {
  Image,
  LinuxContainerSecurityContext,
  LinuxSandboxSecurityContext,
  NamespaceOption,
  SecurityProfile,
} from "#host/cri.ts";
import type { Container, EphemeralContainer } from "#resources/core/container.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { AppArmorProfile, SeccompProfile, SELinuxOptions } from "#resources/core/security.ts";
import { ContainerConfigError } from "./environment.ts";

const maskedPathsDefault = [
  "/proc/asound",
  "/proc/acpi",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys/firmware",
  "/sys/devices/virtual/powercap",
];
const readonlyPathsDefault = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/** Which namespaces the pod has of its own. `targetId` is the container whose processes an ephemeral one joins. */
export function namespacesOf(pod: Pod, targetId?: string): NamespaceOption {
  const { hostNetwork, hostIPC, hostPID, shareProcessNamespace } = pod.spec;
  const shared = shareProcessNamespace ? "POD" : "CONTAINER";
  const pid = hostPID ? "NODE" : targetId === undefined ? shared : "TARGET";
  return {
    network: hostNetwork ? "NODE" : "POD",
    ipc: hostIPC ? "NODE" : "POD",
    pid,
    ...(pid === "TARGET" && targetId !== undefined && { targetId }),
  };
}

export function sandboxSecurity(pod: Pod): LinuxSandboxSecurityContext {
  const context = pod.spec.securityContext ?? {};
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  return {
    namespaceOptions: namespacesOf(pod),
    privileged: all.some((container) => container.securityContext?.privileged === true),
    // The pause program is ours: it always runs under the runtime's own profile.
    seccomp: { profileType: "RuntimeDefault" },
    ...(context.runAsUser !== undefined && { runAsUser: { value: context.runAsUser } }),
    ...(context.runAsGroup !== undefined &&
      context.runAsUser !== undefined && { runAsGroup: { value: context.runAsGroup } }),
    ...groupsOf(pod),
    ...(context.seLinuxOptions && { selinuxOptions: selinuxOf(context.seLinuxOptions) }),
  };
}

function groupsOf(pod: Pod): Pick<LinuxSandboxSecurityContext, "supplementalGroups" | "supplementalGroupsPolicy"> {
  const { fsGroup, supplementalGroups = [], supplementalGroupsPolicy } = pod.spec.securityContext ?? {};
  return {
    supplementalGroups: fsGroup === undefined ? supplementalGroups : [...supplementalGroups, fsGroup],
    ...(supplementalGroupsPolicy && {
      supplementalGroupsPolicy: supplementalGroupsPolicy === "Strict" ? "Strict" : "Merge",
    }),
  };
}

function selinuxOf({
  user,
  role,
  type,
  level,
}: SELinuxOptions): NonNullable<LinuxSandboxSecurityContext["selinuxOptions"]> {
  return {
    ...(user !== undefined && { user }),
    ...(role !== undefined && { role }),
    ...(type !== undefined && { type }),
    ...(level !== undefined && { level }),
  };
}

function profileOf(profile: SeccompProfile | AppArmorProfile | undefined, seccompFolder: string): SecurityProfile {
  if (!profile) return { profileType: "Unconfined" };
  return profile.type === "Localhost"
    ? { profileType: "Localhost", localhostRef: `${seccompFolder}${profile.localhostProfile ?? ""}` }
    : { profileType: profile.type };
}

export interface ContainerSecurityInput {
  readonly pod: Pod;
  readonly container: Container | EphemeralContainer;
  readonly image: Image;
  /** Of the container whose processes are joined. */
  readonly targetId?: string;
  /** Where Localhost seccomp profiles are, with a slash at its end. */
  readonly seccompFolder: string;
}

/** @throws ContainerConfigError when it would run as root against its will. */
export function containerSecurity(input: ContainerSecurityInput): LinuxContainerSecurityContext {
  const { pod, container, image } = input;
  const own = container.securityContext ?? {};
  const shared = pod.spec.securityContext ?? {};
  const runAsUser = own.runAsUser ?? shared.runAsUser;
  const runAsGroup = own.runAsGroup ?? shared.runAsGroup;
  if (own.runAsNonRoot ?? shared.runAsNonRoot) requireNonRoot(input, runAsUser);
  const user = runAsUser ?? image.uid?.value;
  const selinux = own.seLinuxOptions ?? shared.seLinuxOptions;
  const apparmor = own.appArmorProfile ?? shared.appArmorProfile;
  const unmasked = own.procMount === "Unmasked" || own.privileged === true;
  return {
    namespaceOptions: namespacesOf(pod, input.targetId),
    privileged: own.privileged === true,
    readonlyRootfs: own.readOnlyRootFilesystem === true,
    noNewPrivs: own.allowPrivilegeEscalation === false,
    capabilities: { addCapabilities: own.capabilities?.add ?? [], dropCapabilities: own.capabilities?.drop ?? [] },
    ...(user !== undefined && { runAsUser: { value: user } }),
    ...(user === undefined && image.username !== "" && { runAsUsername: image.username }),
    ...(runAsGroup !== undefined && { runAsGroup: { value: runAsGroup } }),
    ...groupsOf(pod),
    seccomp: profileOf(own.seccompProfile ?? shared.seccompProfile, input.seccompFolder),
    ...(apparmor && { apparmor: profileOf(apparmor, "") }),
    ...(selinux && { selinuxOptions: selinuxOf(selinux) }),
    maskedPaths: unmasked ? [] : maskedPathsDefault,
    readonlyPaths: unmasked ? [] : readonlyPathsDefault,
  };
}

function requireNonRoot({ pod, container, image }: ContainerSecurityInput, runAsUser: number | undefined): void {
  const where = `(pod: "${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})", container: ${container.name})`;
  if (runAsUser === 0) throw new ContainerConfigError(`container's runAsUser breaks non-root policy ${where}`);
  if (runAsUser !== undefined) return;
  if (image.username !== "")
    throw new ContainerConfigError(
      `container has runAsNonRoot and image has non-numeric user (${image.username}), cannot verify user is non-root ${where}`,
    );
  if ((image.uid?.value ?? 0) === 0)
    throw new ContainerConfigError(`container has runAsNonRoot and image will run as root ${where}`);
}
