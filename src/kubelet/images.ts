/**
 * Images: pulled as the policy says, with the pod's credentials, of each namespace one at a time, with growing pauses
 * after failures.
 *
 * @see https://kubernetes.io/docs/concepts/containers/images/
 */
import { messageOf } from "#base/assert.ts";
import { fromBase64, textOf } from "#base/bytes.ts";
import { abortReason, type Clock } from "#base/clock.ts";
import type { AuthConfig, ContainerRuntime, Image, PodSandboxConfig } from "#host/cri.ts";
import type { Secret } from "#resources/core/secret.ts";
import { durationText } from "./plan/restart.ts";

const pauseFirstMs = 10_000;
const pauseMaxMs = 300_000;
// A pause nobody has asked about for this long is forgotten.
const pauseKeptMs = 2 * pauseMaxMs;

/** Why a container waits for its image; `reason` is what its status shows. */
export class ImageError extends Error {
  override readonly name = "ImageError";
  readonly reason: "ErrImagePull" | "ImagePullBackOff" | "ErrImageNeverPull" | "InvalidImageName" | "ImageInspectError";
  /** When to try again, on the clock that only goes forward. */
  readonly retryAtMs: number;

  constructor(reason: ImageError["reason"], message: string, retryAtMs: number) {
    super(message);
    this.reason = reason;
    this.retryAtMs = retryAtMs;
  }
}

export interface ImageRequest {
  readonly image: string;
  /** Absent: Always for the tag latest, else IfNotPresent. */
  readonly policy: string | undefined;
  readonly secrets: readonly Secret[];
  readonly sandboxConfig: PodSandboxConfig | undefined;
  readonly podUid: string;
  /** Of the pod: whose registry is slow keeps nobody else from pulling. */
  readonly namespace: string;
  /** Tells what happens, for the pod's events. */
  readonly tell: (event: {
    readonly type: "Normal" | "Warning";
    readonly reason: string;
    readonly message: string;
  }) => void;
}

interface Pause {
  readonly delayMs: number;
  readonly untilMs: number;
  readonly why: string;
}

export class Images {
  private readonly runtime: ContainerRuntime;
  private readonly clock: Clock;
  /** By pod and image. */
  private readonly pauses = new Map<string, Pause>();
  /** By namespace, while one is under way: the last pull, for which the next waits. */
  private readonly pulling = new Map<string, Promise<void>>();
  /** When each image was last used by a start, by id, on the clock that only goes forward. */
  readonly usedAtMs = new Map<string, number>();

  private readonly arrive: Promise<void> | undefined;

  constructor(runtime: ContainerRuntime, clock: Clock, arrive?: Promise<void>) {
    this.runtime = runtime;
    this.clock = clock;
    this.arrive = arrive;
  }

  /** The image, pulled if need be. @throws ImageError when the container has to wait. */
  async ensure(request: ImageRequest, signal: AbortSignal): Promise<Image> {
    const name = normalName(request.image);
    if (name === undefined)
      throw this.refusal(
        "InvalidImageName",
        `Failed to apply default image tag "${request.image}": couldn't parse image name "${request.image}": invalid reference format`,
      );
    let present = await this.runtime.imageStatus({ image: name }, signal);
    if (!present && this.arrive) {
      await untilAborted(this.arrive, signal);
      present = await this.runtime.imageStatus({ image: name }, signal);
    }
    const policy = request.policy ?? (name.endsWith(":latest") ? "Always" : "IfNotPresent");
    if (present && policy !== "Always") {
      request.tell({
        type: "Normal",
        reason: "Pulled",
        message: `Container image "${request.image}" already present on machine and can be accessed by the pod`,
      });
      return this.used(present);
    }
    if (!present && policy === "Never") {
      const message = `Container image "${request.image}" is not present with pull policy of Never`;
      request.tell({ type: "Warning", reason: "ErrImageNeverPull", message });
      throw this.refusal("ErrImageNeverPull", message);
    }
    return this.used(await this.pullWithPauses(request, name, signal));
  }

  forget(podUid: string): void {
    for (const key of this.pauses.keys()) if (key.startsWith(`${podUid} `)) this.pauses.delete(key);
  }

  private used(image: Image): Image {
    this.usedAtMs.set(image.id, this.clock.monotonicMs());
    return image;
  }

  private async pullWithPauses(request: ImageRequest, name: string, signal: AbortSignal): Promise<Image> {
    const key = `${request.podUid} ${name}`;
    const nowMs = this.clock.monotonicMs();
    const pause = this.pauses.get(key);
    if (pause && nowMs < pause.untilMs) {
      const message = `Back-off pulling image "${request.image}": ${pause.why}`;
      request.tell({ type: "Normal", reason: "BackOff", message: `Back-off pulling image "${request.image}"` });
      throw new ImageError("ImagePullBackOff", message, pause.untilMs);
    }
    request.tell({ type: "Normal", reason: "Pulling", message: `Pulling image "${request.image}"` });
    try {
      const image = await this.inTurn(request.namespace, () => this.pull(request, name, signal), signal);
      this.pauses.delete(key);
      const tookMs = Math.round(this.clock.monotonicMs() - nowMs);
      const message = `Successfully pulled image "${request.image}" in ${durationOf(tookMs)} (${durationOf(tookMs)} including waiting). Image size: ${image.size} bytes.`;
      request.tell({ type: "Normal", reason: "Pulled", message });
      return image;
    } catch (error) {
      if (signal.aborted) throw error;
      throw this.failure(request, key, messageOf(error));
    }
  }

  /**
   * One pull of a namespace at a time. Who loses interest while another's goes on leaves at once.
   *
   * Differs from upstream: there it is one of the whole node, so that a registry that hardly answers keeps every pod of
   * the node from starting.
   */
  private async inTurn<T>(namespace: string, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const before = this.pulling.get(namespace) ?? Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.pulling.set(namespace, promise);
    try {
      await untilAborted(before, signal);
      return await work();
    } finally {
      // The next one comes when this one is over, and all before it are.
      void before.then(() => {
        if (this.pulling.get(namespace) === promise) this.pulling.delete(namespace);
        resolve();
      });
    }
  }

  private async pull(request: ImageRequest, name: string, signal: AbortSignal): Promise<Image> {
    const candidates: readonly (AuthConfig | undefined)[] = credentialsFor(name, request.secrets);
    let failure: unknown;
    for (const auth of candidates.length === 0 ? [undefined] : candidates) {
      try {
        const reference = await this.runtime.pullImage(
          {
            image: { image: name },
            ...(auth && { auth }),
            ...(request.sandboxConfig && { sandboxConfig: request.sandboxConfig }),
          },
          signal,
        );
        const image = await this.runtime.imageStatus({ image: reference }, signal);
        if (image) return image;
        throw new Error(`image "${name}" vanished after it was pulled`);
      } catch (error) {
        if (signal.aborted) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  private failure(request: ImageRequest, key: string, why: string): ImageError {
    const before = this.pauses.get(key);
    const nowMs = this.clock.monotonicMs();
    const fresh = !before || nowMs - before.untilMs > pauseKeptMs;
    const delayMs = fresh ? pauseFirstMs : Math.min(before.delayMs * 2, pauseMaxMs);
    const reason = "ErrImagePull";
    this.pauses.set(key, { delayMs, untilMs: nowMs + delayMs, why: `${reason}: ${why}` });
    request.tell({ type: "Warning", reason: "Failed", message: `Failed to pull image "${request.image}": ${why}` });
    request.tell({ type: "Warning", reason: "Failed", message: `Error: ${reason}` });
    // Half-way the container is seen to wait, as upstream's is, rather than to have just failed.
    return new ImageError(reason, why, nowMs + delayMs / 2);
  }

  private refusal(reason: ImageError["reason"], message: string): ImageError {
    return new ImageError(reason, message, this.clock.monotonicMs() + pauseFirstMs);
  }
}

async function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = (): void => reject(abortReason(signal));
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  work.then(resolve, reject);
  await promise.finally(() => signal.removeEventListener("abort", abort));
}

const durationOf = (ms: number): string => (ms < 1000 ? `${ms}ms` : ms < 60_000 ? `${ms / 1000}s` : durationText(ms));

const domainForm = /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/;
const pathForm = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const tagForm = /^[\w][\w.-]{0,127}$/;
const digestForm = /^[a-zA-Z][a-zA-Z0-9]*(?:[-_+.][a-zA-Z][a-zA-Z0-9]*)*:[0-9a-fA-F]{32,}$/;

/** The image's name with its tag, `latest` when it has none; undefined when it is no image name. */
export function normalName(given: string): string | undefined {
  const [head = "", digest, ...more] = given.split("@");
  if (more.length > 0 || (digest !== undefined && !digestForm.test(digest))) return undefined;
  const colon = head.lastIndexOf(":");
  const tagged = colon > head.lastIndexOf("/");
  const name = tagged ? head.slice(0, colon) : head;
  const tag = tagged ? head.slice(colon + 1) : undefined;
  if (tag !== undefined && !tagForm.test(tag)) return undefined;
  const { path } = registryOf(name);
  if (!domainForm.test(registryOf(name).domain) || !pathForm.test(path)) return undefined;
  return tag === undefined && digest === undefined ? `${given}:latest` : given;
}

function registryOf(name: string): { readonly domain: string; readonly path: string } {
  const slash = name.indexOf("/");
  const first = name.slice(0, Math.max(slash, 0));
  const isDomain = slash > 0 && (/[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase());
  return isDomain ? { domain: first, path: name.slice(slash + 1) } : { domain: "docker.io", path: name };
}

interface DockerEntry {
  readonly username?: string;
  readonly password?: string;
  readonly auth?: string;
  readonly identitytoken?: string;
}

/** Credentials for the image's registry, the most specific first. Secrets that cannot be read are passed over. */
export function credentialsFor(image: string, secrets: readonly Secret[]): readonly AuthConfig[] {
  const { domain, path } = registryOf(image.split("@")[0]?.replace(/:[\w][\w.-]*$/, "") ?? image);
  const place = `${domain}/${path}`;
  const found: { readonly key: string; readonly auth: AuthConfig }[] = [];
  for (const secret of secrets)
    for (const [key, entry] of Object.entries(dockerEntries(secret))) {
      const registry = key
        .replace(/^https?:\/\//, "")
        .replace(/\/(?:v[12]\/?)?$/, "")
        .replace("index.docker.io", "docker.io");
      if (matches(registry, place)) found.push({ key: registry, auth: authOf(entry) });
    }
  return found.sort((a, b) => b.key.length - a.key.length).map(({ auth }) => auth);
}

/** `*` stands for one part of a host name. */
function matches(registry: string, place: string): boolean {
  const [host = "", ...rest] = registry.split("/");
  const [placeHost = "", ...placeRest] = place.split("/");
  const parts = host.split(".");
  const placeParts = placeHost.split(".");
  return (
    parts.length === placeParts.length &&
    parts.every(
      (part, at) => part === placeParts[at] || (part.includes("*") && globMatches(part, placeParts[at] ?? "")),
    ) &&
    placeRest.join("/").startsWith(rest.join("/"))
  );
}

function globMatches(pattern: string, text: string): boolean {
  const [start = "", end = ""] = pattern.split("*");
  return text.startsWith(start) && text.endsWith(end) && text.length >= start.length + end.length;
}

function dockerEntries(secret: Secret): Readonly<Record<string, DockerEntry>> {
  const modern = secret.data?.[".dockerconfigjson"];
  const old = secret.data?.[".dockercfg"];
  try {
    // Holds because every field is checked where it is used; what is no such object has none of them.
    const read = (text: string): unknown => JSON.parse(textOf(fromBase64(text)));
    if (modern !== undefined) return (read(modern) as { auths?: Record<string, DockerEntry> }).auths ?? {};
    return old === undefined ? {} : (read(old) as Record<string, DockerEntry>);
  } catch {
    return {}; // Not JSON: as upstream, a broken secret counts as none.
  }
}

/** Without a server address: it was matched above, and containerd refuses one with a port, which it reads as a URL. */
function authOf(entry: DockerEntry): AuthConfig {
  const [username, ...rest] = entry.auth === undefined ? [] : textOf(fromBase64(entry.auth)).split(":");
  return {
    username: entry.username ?? username ?? "",
    password: entry.password ?? rest.join(":"),
    ...(entry.identitytoken !== undefined && { identityToken: entry.identitytoken }),
  };
}
