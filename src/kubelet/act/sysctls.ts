/**
 * Which kernel settings a pod may have: those that are kept apart between namespaces and harm nobody else.
 *
 * @see https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/
 */
import type { Pod } from "#resources/core/pod.ts";

const safe: ReadonlySet<string> = new Set([
  "kernel.shm_rmid_forced",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.tcp_syncookies",
  "net.ipv4.ping_group_range",
  "net.ipv4.ip_unprivileged_port_start",
  "net.ipv4.ip_local_reserved_ports",
  "net.ipv4.tcp_keepalive_time",
  "net.ipv4.tcp_fin_timeout",
  "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes",
  "net.ipv4.tcp_rmem",
  "net.ipv4.tcp_wmem",
]);

/** Dots between the parts of a name, whichever of the two forms it has. */
export function normalSysctl(name: string): string {
  const dot = name.indexOf(".");
  const slash = name.indexOf("/");
  if (slash < 0 || (dot >= 0 && dot < slash)) return name;
  return name.replaceAll(/[./]/g, (mark) => (mark === "." ? "/" : "."));
}

/** Why the pod may not run here; undefined when it may. */
export function sysctlRefusal(pod: Pod, allowed: readonly string[]): string | undefined {
  for (const { name: given } of pod.spec.securityContext?.sysctls ?? []) {
    const name = normalSysctl(given);
    const isAllowed = allowed.some((one) => (one.endsWith("*") ? name.startsWith(one.slice(0, -1)) : name === one));
    if (!safe.has(name) && !isAllowed) return `forbidden sysctl: "${given}" not allowlisted`;
    if (name.startsWith("net.") && pod.spec.hostNetwork)
      return `forbidden sysctl: "${given}" not allowed with host net enabled`;
    const inIpc = name.startsWith("kernel.shm") || name.startsWith("kernel.msg") || name.startsWith("fs.mqueue.");
    if (inIpc && pod.spec.hostIPC) return `forbidden sysctl: "${given}" not allowed with host ipc enabled`;
  }
  return undefined;
}
