/** A pod's sandbox in the runtime's words. */
import type { PodSandboxConfig, PortMapping } from "#host/cri.ts";
import type { Pod } from "#resources/core/pod.ts";
import { podCgroup, podLimits } from "../plan/qos.ts";
import { cpuPeriodMicros, quotaOf } from "../plan/amounts.ts";
import { annotation, podLabels, podLogFolder } from "../plan/identity.ts";
import type { DnsConfig, PodNames } from "./dns.ts";
import { sandboxSecurity } from "./security.ts";
import { normalSysctl } from "./sysctls.ts";

export interface SandboxInput {
  readonly pod: Pod;
  readonly attempt: number;
  readonly dns: DnsConfig;
  readonly names: PodNames;
  readonly podLogsFolder: string;
  readonly cgroupRoot: string;
}

export function sandboxConfig(input: SandboxInput): PodSandboxConfig {
  const { pod, attempt, dns, names } = input;
  const { name = "", namespace = "", uid = "" } = pod.metadata;
  const sysctls = pod.spec.securityContext?.sysctls ?? [];
  const { cpuShares, cpuLimitMillis, memoryBytesMax } = podLimits(pod);
  return {
    metadata: { name, namespace, uid, attempt },
    // The runtime refuses a name of its own for pods that have the host's.
    hostname: pod.spec.hostNetwork ? "" : names.hostname,
    logDirectory: podLogFolder(input.podLogsFolder, pod),
    dnsConfig: dns,
    portMappings: portMappings(pod),
    labels: podLabels(pod),
    annotations: { [annotation.configSource]: "api", ...pod.metadata.annotations },
    linux: {
      cgroupParent: podCgroup(input.cgroupRoot, pod),
      securityContext: sandboxSecurity(pod),
      sysctls: Object.fromEntries(sysctls.map((sysctl) => [normalSysctl(sysctl.name), sysctl.value])),
      resources: {
        cpuShares,
        cpuPeriod: cpuPeriodMicros,
        cpuQuota: quotaOf(cpuLimitMillis ?? 0),
        memoryLimitInBytes: memoryBytesMax ?? 0,
      },
    },
  };
}

function portMappings(pod: Pod): readonly PortMapping[] {
  if (pod.spec.hostNetwork) return [];
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  return all.flatMap((container) =>
    (container.ports ?? [])
      .filter((port) => (port.hostPort ?? 0) > 0)
      .map((port) => ({
        protocol: port.protocol ?? "TCP",
        containerPort: port.containerPort,
        hostPort: port.hostPort ?? 0,
        ...(port.hostIP !== undefined && { hostIp: port.hostIP }),
      })),
  );
}
