/** The volumes of pods on this machine: made before the first container, kept up to date, and taken down at the end. */
import { join } from "node:path/posix";
import { createHash } from "node:crypto";
import { messageOf } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/random.ts";
import type { Client } from "#client/client.ts";
import type { SafeFolder } from "#host/safe-folder.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { Volume } from "#resources/core/volume.ts";
import type { PodFacts } from "../act/downward.ts";
import type { PodReferences } from "../act/environment.ts";
import type { Machine } from "../machine.ts";
import { wholeOf } from "../plan/amounts.ts";
import { podLimits } from "../plan/qos.ts";
import { shownObjects, shownObjectsMax } from "../references.ts";
import { generationName, writeAtomically } from "./atomic-write.ts";
import { claimedVolume } from "./claims.ts";
import { checkHostPath } from "./host-path.ts";
import { giveToGroup, rootIsGroups } from "./ownership.ts";
import { hasPayload, isConfidential, payloadOf, type Payload } from "./payload.ts";
import { Tokens } from "./tokens.ts";

/** Where a volume's content is, for the mounts of containers. */
export interface PlacedVolume {
  /** On this machine; "" for an image. */
  readonly path: string;
  readonly readOnly: boolean;
  /** A block device, to be passed on instead of mounted. */
  readonly device?: true;
  /** An image's reference. */
  readonly image?: { readonly reference: string; readonly pullPolicy: string | undefined };
}

export type PlacedVolumes = ReadonlyMap<string, PlacedVolume>;

export class VolumeError extends Error {
  override readonly name = "VolumeError";
}

export interface VolumeParts {
  readonly machine: Machine;
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly rootFolder: string;
}

export interface VolumeContext {
  readonly facts: PodFacts;
  readonly references: PodReferences;
  /** Containers have had these volumes from an earlier start of kedge: who owns what was settled then. */
  readonly again?: boolean;
}

/** Upstream's names for the folders of the kinds. */
const folderNames = {
  emptyDir: "kubernetes.io~empty-dir",
  configMap: "kubernetes.io~configmap",
  secret: "kubernetes.io~secret",
  downwardAPI: "kubernetes.io~downward-api",
  projected: "kubernetes.io~projected",
} as const;

type FolderKind = keyof typeof folderNames;
// Holds because the table has no other keys.
const folderKinds = Object.keys(folderNames) as readonly FolderKind[];

/** The kind of a volume that has a folder of the pod; undefined for every other. */
function kindOf(volume: Volume): FolderKind | undefined {
  return folderKinds.find((kind) => volume[kind]);
}

export class PodVolumes {
  readonly tokens: Tokens;
  private readonly parts: VolumeParts;
  /** What each volume shows, by path, so that nothing is written anew without a change. */
  private readonly shown = new Map<string, string>();

  constructor(parts: VolumeParts) {
    this.parts = parts;
    this.tokens = new Tokens(parts);
  }

  podFolder(pod: Pod): string {
    return join(this.parts.rootFolder, "pods", pod.metadata.uid ?? "");
  }

  /** Makes or refreshes every volume. @throws VolumeError that names the first that failed. */
  async place(context: VolumeContext): Promise<PlacedVolumes> {
    const { pod } = context.facts;
    const placed = new Map<string, PlacedVolume>();
    const shown = shownObjects(pod).length;
    if (shown > shownObjectsMax)
      throw new VolumeError(
        `expected volumes that show at most ${shownObjectsMax} config maps and secrets together, found ${shown}`,
      );
    for (const volume of pod.spec.volumes ?? []) {
      try {
        placed.set(volume.name, await this.placeOne(context, volume));
      } catch (error) {
        const why = messageOf(error);
        throw new VolumeError(`MountVolume.SetUp failed for volume "${volume.name}" : ${why}`);
      }
    }
    return placed;
  }

  /** The volumes that were placed and are no longer there: somebody removed their folder, or what was mounted on it. */
  async lost(pod: Pod): Promise<readonly string[]> {
    const { files, mounts } = this.parts.machine;
    const lost: string[] = [];
    for (const volume of pod.spec.volumes ?? []) {
      const kind = kindOf(volume);
      if (!kind) continue;
      const path = this.folderOf(pod, kind, volume);
      const inMemory = volume.emptyDir?.medium === "Memory" || isConfidential(volume);
      const isThere = inMemory ? await mounts.isMounted(path) : (await files.linkFacts(path)) !== undefined;
      if (isThere) continue;
      this.shown.delete(path);
      lost.push(volume.name);
    }
    return lost;
  }

  /** Brings the files of API objects up to date. @throws VolumeError */
  async refresh(context: VolumeContext): Promise<void> {
    for (const volume of context.facts.pod.spec.volumes ?? []) {
      if (!hasPayload(volume)) continue;
      try {
        await this.placeOne(context, volume);
      } catch (error) {
        const why = messageOf(error);
        throw new VolumeError(`MountVolume.SetUp failed for volume "${volume.name}" : ${why}`);
      }
    }
  }

  /** Unmounts and removes everything of the pod, whatever its containers left mounted there. */
  async remove(podUid: string): Promise<void> {
    // The empty name means the folder of all pods.
    if (podUid === "") return;
    const { rootFolder, machine } = this.parts;
    const folder = join(rootFolder, "pods", podUid);
    for (const path of this.shown.keys()) if (path.startsWith(`${folder}/`)) this.shown.delete(path);
    this.tokens.forget(podUid);
    using pods = await machine.files.folder(join(rootFolder, "pods"));
    await pods?.remove(podUid, "unmount");
  }

  private async placeOne(context: VolumeContext, volume: Volume): Promise<PlacedVolume> {
    const { pod } = context.facts;
    if (volume.emptyDir) return { path: await this.emptyDir(pod, volume), readOnly: false };
    // Read-only whatever the pod says: what containers cannot write there, they cannot turn against kedge.
    if (hasPayload(volume)) return { path: await this.payload(context, volume), readOnly: true };
    if (volume.hostPath) {
      await checkHostPath(this.parts.machine.files, volume.hostPath);
      return { path: volume.hostPath.path, readOnly: false };
    }
    if (volume.image)
      return {
        path: "",
        readOnly: true,
        image: { reference: volume.image.reference ?? "", pullPolicy: volume.image.pullPolicy },
      };
    const { persistentVolumeClaim, ephemeral } = volume;
    if (persistentVolumeClaim)
      return await this.claim(context, persistentVolumeClaim.claimName, persistentVolumeClaim.readOnly === true);
    if (ephemeral) return await this.claim(context, `${pod.metadata.name}-${volume.name}`, false);
    const kind = Object.keys(volume).find((field) => field !== "name") ?? "none";
    throw new Error(`volumes of type "${kind}" are not supported on this node`);
  }

  private folderOf(pod: Pod, kind: FolderKind, volume: Volume): string {
    return join(this.podFolder(pod), "volumes", folderNames[kind], volume.name);
  }

  private async emptyDir(pod: Pod, volume: Volume): Promise<string> {
    const { files, mounts } = this.parts.machine;
    const path = this.folderOf(pod, "emptyDir", volume);
    const { medium = "", sizeLimit } = volume.emptyDir ?? {};
    if (medium !== "" && medium !== "Memory")
      throw new Error(`emptyDir medium "${medium}" is not supported on this node`);
    const fresh = (await files.linkFacts(path)) === undefined;
    // Made for all users, whoever the containers run as.
    if (fresh) await files.makeFolder(path, 0o777);
    const mounted = medium === "Memory" && !(await mounts.isMounted(path));
    if (mounted) {
      const bounds = [podLimits(pod).memoryBytesMax, sizeLimit === undefined ? 0 : wholeOf(sizeLimit)];
      const set = bounds.filter((bytes) => bytes !== undefined && bytes > 0);
      await mounts.memory(path, set.length === 0 ? undefined : Math.min(...set.map(Number)));
    }
    using folder = await this.open(path);
    if (mounted) await folder.change("", () => ({ mode: 0o777 }));
    await this.own(pod, folder, "ifNeeded");
    return path;
  }

  private async payload(context: VolumeContext, volume: Volume): Promise<string> {
    const { pod } = context.facts;
    const { files, mounts } = this.parts.machine;
    const path = this.folderOf(pod, kindOf(volume) ?? "projected", volume);
    const payload = await payloadOf(volume, {
      ...context,
      token: (projection) => this.tokens.token(pod, projection),
    });
    if (isConfidential(volume) && !(await mounts.isMounted(path))) {
      await files.makeFolder(path);
      await mounts.memory(path, undefined);
    }
    const digest = digestOf(payload);
    if (this.shown.get(path) === digest) return path;
    await files.makeFolder(path);
    using folder = await this.open(path);
    const gid = pod.spec.securityContext?.fsGroup;
    const name = generationName(this.parts.clock.nowMs(), this.parts.random.suffix(5));
    await writeAtomically(folder, { name, ...(gid !== undefined && { gid }) }, payload);
    this.shown.set(path, digest);
    return path;
  }

  private async claim(context: VolumeContext, claimName: string, readOnly: boolean): Promise<PlacedVolume> {
    const { files } = this.parts.machine;
    const { pod } = context.facts;
    const volume = await claimedVolume(this.parts.client, pod, claimName);
    const facts = await files.facts(volume.path);
    if (volume.block) return { path: volume.path, readOnly: readOnly || volume.readOnly, device: true };
    if (!facts && volume.type === "local") throw new Error(`path "${volume.path}" does not exist`);
    if (!facts) await files.makeFolder(volume.path, 0o777);
    if (volume.type === "local") {
      const seldom = context.again || pod.spec.securityContext?.fsGroupChangePolicy === "OnRootMismatch";
      using folder = await this.open(volume.path);
      await this.own(pod, folder, seldom ? "ifNeeded" : "always");
    }
    return { path: volume.path, readOnly: readOnly || volume.readOnly };
  }

  /** The folder itself, wherever links to it lead: its path is the administrator's or kedge's own. */
  private async open(path: string): Promise<SafeFolder> {
    const { files } = this.parts.machine;
    const folder = await files.folder((await files.resolve(path)) ?? path);
    if (!folder) throw new Error(`expected the folder of the volume at "${path}", found it removed`);
    return folder;
  }

  private async own(pod: Pod, folder: SafeFolder, when: "always" | "ifNeeded"): Promise<void> {
    const gid = pod.spec.securityContext?.fsGroup;
    if (gid === undefined) return;
    const ownership = { gid, readOnly: false };
    if (when === "ifNeeded" && (await rootIsGroups(folder, ownership))) return;
    await giveToGroup(folder, ownership);
  }
}

function digestOf(payload: Payload): string {
  const hash = createHash("sha256");
  for (const [path, { content, mode, uid }] of payload)
    hash.update(`${path}\0${mode}\0${uid}\0${content.length}\0`).update(content);
  return hash.digest("hex");
}
