/** Making a pod's sandbox, and the files that belong to it. */
import { join } from "node:path/posix";
import type { PodSandboxConfig } from "#host/cri.ts";
import { isReason } from "#machinery/status.ts";
import { runtimeClasses } from "#resources/node/runtime-class.ts";
import type { Pod } from "#resources/core/pod.ts";
import { podCgroup, podLimits } from "../plan/qos.ts";
import { dnsOf, hostsFile, namesOf, parseResolvConf } from "./dns.ts";
import type { PodParts } from "./parts.ts";
import { sandboxConfig } from "./sandbox-config.ts";

/** What the runtime was, or would be, told of the sandbox with that number. */
export async function configOfSandbox(parts: PodParts, pod: Pod, attempt: number): Promise<PodSandboxConfig> {
  const { config, machine } = parts;
  const resolvConf = await machine.files.read(config.resolvConf);
  const host = parseResolvConf(new TextDecoder().decode(resolvConf));
  return sandboxConfig({
    pod,
    attempt,
    dns: dnsOf(pod, { servers: config.clusterDns, domain: config.clusterDomain }, host),
    names: namesOf(pod, config.clusterDomain),
    podLogsFolder: config.podLogsFolder,
    cgroupRoot: config.cgroupRoot,
  });
}

/** @returns The sandbox' id. */
export async function createSandbox(
  parts: PodParts,
  pod: Pod,
  made: { readonly attempt: number; readonly signal: AbortSignal },
): Promise<string> {
  const { machine, runtime, config } = parts;
  // Differs from upstream: refused whatever the runtime supports, because no ranges of ids are given to pods yet; to
  // run such a pod as root of the machine would be the opposite of what it asks for.
  if (pod.spec.hostUsers === false)
    throw new Error("can't set `spec.hostUsers: false`, this node gives pods no user namespaces of their own yet");
  await machine.cgroups.ensure(podCgroup(config.cgroupRoot, pod), podLimits(pod));
  const sandbox = await configOfSandbox(parts, pod, made.attempt);
  await machine.files.makeFolder(sandbox.logDirectory ?? "", 0o750);
  const runtimeHandler = await handlerOf(parts, pod);
  const request = { config: sandbox, ...(runtimeHandler !== undefined && { runtimeHandler }) };
  return await runtime.runPodSandbox(request, made.signal);
}

async function handlerOf(parts: PodParts, pod: Pod): Promise<string | undefined> {
  const name = pod.spec.runtimeClassName;
  if (!name) return undefined;
  try {
    return (await parts.client.get(runtimeClasses, { namespace: "", name })).handler;
  } catch (error) {
    if (isReason(error, "NotFound")) throw new Error(`RuntimeClass "${name}" not found`, { cause: error });
    throw error;
  }
}

const hostsName = "etc-hosts";

/** Writes the hosts file of the pod's containers. @returns Its path. */
export async function writeHostsFile(parts: PodParts, pod: Pod, ips: readonly string[]): Promise<string> {
  const { files } = parts.machine;
  const path = join(parts.volumes.podFolder(pod), hostsName);
  const hostFile = pod.spec.hostNetwork ? new TextDecoder().decode(await files.read("/etc/hosts")) : "";
  const content = hostsFile(pod, namesOf(pod, parts.config.clusterDomain), { ips, hostFile });
  await files.makeFolder(parts.volumes.podFolder(pod), 0o750);
  using folder = await files.folder(parts.volumes.podFolder(pod));
  if (!folder) throw new Error(`expected the folder of the pod at "${parts.volumes.podFolder(pod)}", found it removed`);
  // Containers have the file mounted and may write it: it stays the same file, and no more of it is read than is
  // compared.
  const length = Buffer.byteLength(content) + 1;
  const before = await folder.readPart(hostsName, { offset: 0, length });
  if (before === undefined || new TextDecoder().decode(before) !== content)
    await folder.rewrite(hostsName, content, { mode: 0o644 });
  return path;
}
