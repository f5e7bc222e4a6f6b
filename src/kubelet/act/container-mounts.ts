/** The mounts and devices of a container: its volumes, the hosts file and the file for its last words. */
import { join } from "node:path/posix";
import { messageOf } from "#base/assert.ts";
import type { Log } from "#base/log.ts";
import type { ContainerConfig, ContainerMount, MountPropagation } from "#host/cri.ts";
import type { Files } from "#host/files.ts";
import type { Container, EphemeralContainer, VolumeMount } from "#resources/core/container.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { PlacedVolumes } from "../volumes/pod-volumes.ts";
import { mountSubPath, SubPathError } from "../volumes/sub-path.ts";
import { ContainerConfigError } from "./environment.ts";
import { expandStrictly } from "./expand.ts";
import { lastWordsFolder } from "./last-words.ts";

const propagations: Readonly<Record<string, MountPropagation>> = {
  None: "PROPAGATION_PRIVATE",
  HostToContainer: "PROPAGATION_HOST_TO_CONTAINER",
  Bidirectional: "PROPAGATION_BIDIRECTIONAL",
};

export const terminationMessagePathDefault = "/dev/termination-log";

export interface MountInput {
  readonly pod: Pod;
  readonly container: Container | EphemeralContainer;
  readonly volumes: PlacedVolumes;
  readonly environment: ReadonlyMap<string, string>;
  readonly files: Files;
  readonly log: Log;
  readonly podFolder: string;
  readonly hostsFile: string;
  /** Tells the instances of a container apart. */
  readonly instance: string;
}

/** @throws ContainerConfigError when a volume or path is not there. */
export async function containerMounts(input: MountInput): Promise<readonly ContainerMount[]> {
  const { pod, container, files } = input;
  const mounts: ContainerMount[] = [];
  for (const [number, mount] of (container.volumeMounts ?? []).entries())
    mounts.push(await volumeMount(input, mount, number));
  const manages = !mounts.some((mount) => mount.containerPath === "/etc/hosts");
  if (manages && pod.spec.os?.name !== "windows")
    mounts.push({ containerPath: "/etc/hosts", hostPath: input.hostsFile, readonly: false });
  const messagePath = container.terminationMessagePath || terminationMessagePathDefault;
  const hostPath = join(lastWordsFolder(input.podFolder, container.name), input.instance);
  // Any user of the container may write its last words.
  await files.touch(hostPath, 0o666);
  mounts.push({ containerPath: messagePath, hostPath });
  return mounts;
}

async function volumeMount(input: MountInput, mount: VolumeMount, number: number): Promise<ContainerMount> {
  const placed = input.volumes.get(mount.name);
  if (!placed)
    throw new ContainerConfigError(
      `cannot find volume "${mount.name}" to mount into container "${input.container.name}"`,
    );
  const containerPath = mount.mountPath.startsWith("/") ? mount.mountPath : `/${mount.mountPath}`;
  const subPath = mount.subPathExpr ? expandStrictly(mount.subPathExpr, input.environment) : (mount.subPath ?? "");
  const common = {
    containerPath,
    readonly: mount.readOnly === true || placed.readOnly,
    propagation: propagations[mount.mountPropagation ?? "None"] ?? "PROPAGATION_PRIVATE",
    ...(mount.recursiveReadOnly === "Enabled" && { recursiveReadOnly: true }),
  } as const;
  if (placed.image)
    return {
      ...common,
      hostPath: "",
      image: { image: placed.image.reference },
      ...(subPath !== "" && { imageSubPath: subPath }),
    };
  if (subPath === "") return { ...common, hostPath: placed.path };
  return { ...common, hostPath: await subPathMount(input, { mount, path: placed.path, subPath, number }) };
}

/** A part of a volume, mounted where only kedge writes. @returns Its path. */
async function subPathMount(
  { files, podFolder: podPath, container, log }: MountInput,
  part: { readonly mount: VolumeMount; readonly path: string; readonly subPath: string; readonly number: number },
): Promise<string> {
  const { mount, path, subPath, number } = part;
  const { name } = mount;
  const failure = `failed to prepare subPath for volumeMount "${name}" of container "${container.name}"`;
  try {
    await files.makeFolder(podPath, 0o750);
    using podFolder = await files.folder(podPath);
    using volume = await files.folder((await files.resolve(path)) ?? path);
    if (!volume || !podFolder) throw new Error(`expected a folder at "${path}", found none`);
    const at = `volume-subpaths/${name}/${container.name}/${number}`;
    const shared = mount.mountPropagation === "Bidirectional";
    return await mountSubPath({ volume, subPath, podFolder, at, ...(shared && { sharing: "shared" }) });
  } catch (error) {
    if (error instanceof SubPathError) throw new ContainerConfigError(`${failure}: ${error.message}`);
    // The pod's status tells nothing of this machine's folders.
    log.warn("subPath not prepared", { volume: name, container: container.name, error: messageOf(error) });
    throw new ContainerConfigError(failure);
  }
}

export function containerDevices(
  container: Container | EphemeralContainer,
  volumes: PlacedVolumes,
): NonNullable<ContainerConfig["devices"]> {
  return (container.volumeDevices ?? []).map(({ name, devicePath }) => {
    const placed = volumes.get(name);
    if (!placed?.device)
      throw new ContainerConfigError(`volume "${name}" of container "${container.name}" is no block device`);
    return { containerPath: devicePath, hostPath: placed.path, permissions: placed.readOnly ? "r" : "mrw" };
  });
}
