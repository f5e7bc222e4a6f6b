/** Starting one container: image, configuration, creation, start, and its own word about it. */
import { messageOf } from "#base/assert.ts";
import type { ObjectEvent } from "#client/recorder.ts";
import { RuntimeError, type Image, type PodSandboxConfig } from "#host/cri.ts";
import { isReason } from "#machinery/status.ts";
import { secrets, type Secret } from "#resources/core/secret.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { StartContainer, Waiting } from "../plan/pod-actions.ts";
import { newestContainer, type ObservedPod } from "../plan/observation.ts";
import { ImageError } from "../images.ts";
import { runHook } from "../probes/hooks.ts";
import type { PlacedVolumes } from "../volumes/pod-volumes.ts";
import { containerConfig } from "./container-config.ts";
import { containerMounts } from "./container-mounts.ts";
import type { PodFacts } from "./downward.ts";
import { ContainerConfigError, environmentOf } from "./environment.ts";
import type { PodParts } from "./parts.ts";
import { serviceEnvironment, visibleServices } from "./service-env.ts";

export interface StartInput {
  readonly facts: PodFacts;
  readonly observed: ObservedPod;
  readonly start: StartContainer;
  readonly sandboxId: string;
  readonly sandboxConfig: PodSandboxConfig;
  readonly volumes: PlacedVolumes;
  readonly hostsFile: string;
  readonly record: (event: ObjectEvent) => void;
  readonly signal: AbortSignal;
}

export type StartOutcome =
  | { readonly kind: "started"; readonly containerId: string }
  /** Its postStart hook failed: it has to be stopped again. */
  | { readonly kind: "unwell"; readonly containerId: string; readonly why: string }
  /** To be tried again then, on the clock that only goes forward. */
  | { readonly kind: "waiting"; readonly waiting: Waiting; readonly retryAtMs: number };

const retryMs = 10_000;

/** Rejects only when the signal is aborted. */
export async function startContainer(parts: PodParts, input: StartInput): Promise<StartOutcome> {
  const { container } = input.start;
  const fieldPath = `spec.containers{${container.name}}`;
  const record = (event: ObjectEvent): void => input.record({ ...event, fieldPath });
  try {
    const containerId = await create(parts, { ...input, record });
    record({ type: "Normal", reason: "Created", message: "Container created" });
    await startCreated(parts, containerId, input.signal);
    record({ type: "Normal", reason: "Started", message: "Container started" });
    const why = await postStart(parts, input, containerId);
    if (why === undefined) return { kind: "started", containerId };
    record({ type: "Warning", reason: "FailedPostStartHook", message: `PostStartHook failed: ${why}` });
    return { kind: "unwell", containerId, why };
  } catch (error) {
    input.signal.throwIfAborted();
    const retryAtMs = parts.clock.monotonicMs() + retryMs;
    if (error instanceof ImageError)
      return { kind: "waiting", waiting: { reason: error.reason, message: error.message }, retryAtMs: error.retryAtMs };
    const message = messageOf(error);
    record({ type: "Warning", reason: "Failed", message: `Error: ${message}` });
    return { kind: "waiting", waiting: { reason: reasonOf(error), message }, retryAtMs };
  }
}

/** The runtime refused to start what it had created. */
class StartError extends Error {}

async function startCreated(parts: PodParts, containerId: string, signal: AbortSignal): Promise<void> {
  try {
    await parts.runtime.startContainer(containerId, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw new StartError(messageOf(error));
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof ContainerConfigError) return "CreateContainerConfigError";
  if (error instanceof StartError) return "RunContainerError";
  return error instanceof RuntimeError ? "CreateContainerError" : "CreateContainerConfigError";
}

async function create(parts: PodParts, input: StartInput): Promise<string> {
  const { facts, start, sandboxId, sandboxConfig, signal } = input;
  const { pod } = facts;
  const { container, attempt } = start;
  const secretsOfPod = await pullSecrets(parts, pod);
  const ensure = (reference: string, policy: string | undefined): Promise<Image> =>
    parts.images.ensure(
      {
        image: reference,
        policy,
        secrets: secretsOfPod,
        sandboxConfig,
        podUid: pod.metadata.uid ?? "",
        namespace: pod.metadata.namespace ?? "",
        tell: input.record,
      },
      signal,
    );
  const image = await ensure(container.image ?? "", container.imagePullPolicy);
  const volumes = await withImages(container, input.volumes, ensure);
  const links = pod.spec.enableServiceLinks !== false;
  const services = serviceEnvironment(visibleServices(parts.services.list(), pod.metadata.namespace ?? "", links));
  const environment = await environmentOf({ facts, container, services, references: parts.references.of(pod) });
  const mounts = await containerMounts({
    pod,
    container,
    volumes,
    environment,
    files: parts.machine.files,
    log: parts.log,
    podFolder: parts.volumes.podFolder(pod),
    hostsFile: input.hostsFile,
    instance: parts.random.suffix(8),
  });
  const targetId = targetOf(input);
  const config = containerConfig({
    pod,
    container,
    attempt,
    image,
    environment,
    mounts,
    volumes,
    nodeMemoryBytes: parts.nodeMemoryBytes,
    seccompFolder: `${parts.config.rootFolder}/seccomp/`,
    ...(targetId !== undefined && { targetId }),
  });
  await parts.machine.files.makeFolder(`${sandboxConfig.logDirectory}/${container.name}`, 0o750);
  return await parts.runtime.createContainer({ podSandboxId: sandboxId, config, sandboxConfig }, signal);
}

/** The volumes, with those that are images pulled and named as the runtime knows them. */
async function withImages(
  container: StartContainer["container"],
  volumes: PlacedVolumes,
  ensure: (reference: string, policy: string | undefined) => Promise<Image>,
): Promise<PlacedVolumes> {
  const placed = new Map(volumes);
  for (const { name } of container.volumeMounts ?? []) {
    const volume = placed.get(name);
    if (!volume?.image) continue;
    const { id } = await ensure(volume.image.reference, volume.image.pullPolicy);
    placed.set(name, { ...volume, image: { ...volume.image, reference: id } });
  }
  return placed;
}

/** The container whose processes an ephemeral container is to see. */
function targetOf({ start, observed }: StartInput): string | undefined {
  const name = "targetContainerName" in start.container ? start.container.targetContainerName : undefined;
  return name ? newestContainer(observed, name)?.id : undefined;
}

async function pullSecrets(parts: PodParts, pod: Pod): Promise<readonly Secret[]> {
  const found: Secret[] = [];
  for (const { name } of pod.spec.imagePullSecrets ?? []) {
    if (!name) continue;
    const key = { namespace: pod.metadata.namespace ?? "", name };
    try {
      found.push(await parts.client.get(secrets, key));
    } catch (error) {
      // As upstream: an image that needs no credentials is pulled without those that are missing.
      if (!isReason(error, "NotFound")) throw error;
      parts.recorder.record(pod, {
        type: "Warning",
        reason: "FailedToRetrieveImagePullSecret",
        message: `Unable to retrieve some image pull secrets (${name}); attempting to pull the image may not succeed.`,
      });
    }
  }
  return found;
}

async function postStart(parts: PodParts, input: StartInput, containerId: string): Promise<string | undefined> {
  const { start, facts, signal } = input;
  const { container } = start;
  const hook = container.lifecycle?.postStart;
  if (!hook) return undefined;
  const podIp = facts.podIps[0] ?? "";
  const call = { hook, container, containerId, podIp, timeoutSeconds: 0, signal };
  return await runHook({ ...parts, network: parts.machine.network }, call);
}
