/**
 * The files of the volumes that show API objects: config maps, secrets, facts about the pod, tokens, and several of
 * them in one (projected).
 *
 * @see https://kubernetes.io/docs/concepts/storage/projected-volumes/
 */
import { fromBase64, utf8 } from "#base/bytes.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { Volume } from "#resources/core/volume.ts";
import type {
  DownwardAPIVolumeFile,
  KeyToPath,
  ServiceAccountTokenProjection,
  VolumeProjection,
} from "#resources/core/volume-sources.ts";
import { fieldValue, resourceValue, type PodFacts } from "../act/downward.ts";
import type { PodReferences } from "../act/environment.ts";

export interface PayloadFile {
  readonly content: Uint8Array;
  readonly mode: number;
  /** Owner; absent for root. */
  readonly uid?: number;
}

/** By path within the volume. */
export type Payload = ReadonlyMap<string, PayloadFile>;

export interface PayloadSources {
  readonly facts: PodFacts;
  readonly references: PodReferences;
  /** A token for the pod's service account. */
  token(projection: ServiceAccountTokenProjection): Promise<string>;
}

export const defaultMode = 0o644;

/**
 * One volume shows no more. Differs from upstream, which has no limit: items may name one large key a thousand times, and
 * what they come to is held in memory here, and for secrets in the node's.
 */
export const payloadBytesMax = 32 * 1024 * 1024;

/** Sources, and the room that is left for what is made of them. */
interface Making extends PayloadSources {
  /** The same content. @throws Error when there is no room for it. */
  readonly room: (content: Uint8Array) => Uint8Array;
}

function makingOf(sources: PayloadSources): Making {
  let bytesLeft = payloadBytesMax;
  const room = (content: Uint8Array): Uint8Array => {
    bytesLeft -= content.length;
    if (bytesLeft < 0) throw new Error(`expected files of at most ${payloadBytesMax} bytes together, found more`);
    return content;
  };
  return { ...sources, room };
}

/** True for volumes whose content `payloadOf` makes. */
export function hasPayload(volume: Volume): boolean {
  return (volume.configMap ?? volume.secret ?? volume.downwardAPI ?? volume.projected) !== undefined;
}

/** True when the content must not reach a disk. */
export function isConfidential(volume: Volume): boolean {
  return volume.secret !== undefined || volume.projected !== undefined;
}

/** @throws Error with one sentence when an object or key that is not optional is missing, or all is too large. */
export async function payloadOf(volume: Volume, given: PayloadSources): Promise<Payload> {
  const { configMap, secret, downwardAPI, projected } = volume;
  const sources = makingOf(given);
  if (configMap) return configMapPayload(sources, configMap, configMap.defaultMode ?? defaultMode);
  if (secret) {
    const { secretName: name, ...rest } = secret;
    return secretPayload(sources, { ...rest, name }, secret.defaultMode ?? defaultMode);
  }
  if (downwardAPI) return downwardPayload(sources, downwardAPI.items ?? [], downwardAPI.defaultMode ?? defaultMode);
  const files = new Map<string, PayloadFile>();
  for (const source of projected?.sources ?? [])
    for (const [path, file] of await projectedPayload(sources, source, projected?.defaultMode ?? defaultMode))
      files.set(path, file);
  return files;
}

async function projectedPayload(sources: Making, source: VolumeProjection, mode: number): Promise<Payload> {
  const { configMap, secret, downwardAPI, serviceAccountToken } = source;
  if (configMap) return configMapPayload(sources, configMap, mode);
  if (secret) return secretPayload(sources, secret, mode);
  if (downwardAPI) return downwardPayload(sources, downwardAPI.items ?? [], mode);
  if (!serviceAccountToken) throw new Error("expected a projected source that this node knows, found none");
  const { pod } = sources.facts;
  const uid = commonUser(pod);
  const limited = uid !== undefined || pod.spec.securityContext?.fsGroup !== undefined;
  const content = utf8(await sources.token(serviceAccountToken));
  // Who reads a token besides root is narrowed when the pod says who that is.
  const file = { content, mode: limited ? 0o600 : mode, ...(uid !== undefined && { uid }) };
  return new Map([[serviceAccountToken.path, file]]);
}

/** The user all containers run as, when the pod says so for each of them. */
function commonUser(pod: Pod): number | undefined {
  const shared = pod.spec.securityContext?.runAsUser;
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const users = new Set(all.map((container) => container.securityContext?.runAsUser ?? shared));
  return users.size === 1 ? [...users][0] : undefined;
}

interface Selection {
  readonly name?: string | undefined;
  readonly items?: readonly KeyToPath[] | undefined;
  readonly optional?: boolean | undefined;
}

async function configMapPayload(sources: Making, selection: Selection, mode: number): Promise<Payload> {
  const { name = "", optional } = selection;
  const map = await sources.references.configMap(name);
  if (!map && !optional) throw new Error(`configmap "${name}" not found`);
  const data = new Map<string, Uint8Array>();
  for (const [key, value] of Object.entries(map?.data ?? {})) data.set(key, utf8(value));
  for (const [key, value] of Object.entries(map?.binaryData ?? {})) data.set(key, fromBase64(value));
  return selected(sources, { data, selection, mode });
}

async function secretPayload(sources: Making, selection: Selection, mode: number): Promise<Payload> {
  const { name = "", optional } = selection;
  const secret = await sources.references.secret(name);
  if (!secret && !optional) throw new Error(`secret "${name}" not found`);
  const data = new Map(Object.entries(secret?.data ?? {}).map(([key, value]) => [key, fromBase64(value)]));
  return selected(sources, { data, selection, mode });
}

interface Selecting {
  readonly data: ReadonlyMap<string, Uint8Array>;
  readonly selection: Selection;
  readonly mode: number;
}

function selected({ room }: Making, { data, selection, mode }: Selecting): Payload {
  if (!selection.items?.length)
    return new Map([...data].map(([key, content]) => [key, { content: room(content), mode }]));
  const files = new Map<string, PayloadFile>();
  for (const item of selection.items) {
    const content = data.get(item.key);
    if (content) files.set(item.path, { content: room(content), mode: item.mode ?? mode });
    else if (!selection.optional) throw new Error(`references non-existent config key: ${item.key}`);
  }
  return files;
}

function downwardPayload({ facts, room }: Making, items: readonly DownwardAPIVolumeFile[], mode: number): Payload {
  return new Map(
    items.map((item) => {
      const { fieldRef, resourceFieldRef } = item;
      const text = fieldRef
        ? fieldValue(facts, fieldRef)
        : resourceFieldRef
          ? resourceValue(facts, resourceFieldRef)
          : "";
      return [item.path, { content: room(utf8(text)), mode: item.mode ?? mode }];
    }),
  );
}
