/** A container in the runtime's words. */
import { utf8 } from "#base/bytes.ts";
import type { ContainerConfig, ContainerMount, Image } from "#host/cri.ts";
import type { Container, EphemeralContainer } from "#resources/core/container.ts";
import type { Pod } from "#resources/core/pod.ts";
import { annotation, hashOf, label } from "../plan/identity.ts";
import { containerResources } from "../plan/qos.ts";
import type { PlacedVolumes } from "../volumes/pod-volumes.ts";
import { containerDevices, terminationMessagePathDefault } from "./container-mounts.ts";
import { expandAll } from "./expand.ts";
import { containerSecurity } from "./security.ts";

export interface ContainerInput {
  readonly pod: Pod;
  readonly container: Container | EphemeralContainer;
  readonly attempt: number;
  readonly image: Image;
  readonly environment: ReadonlyMap<string, string>;
  readonly mounts: readonly ContainerMount[];
  readonly volumes: PlacedVolumes;
  /** Of the container whose processes an ephemeral one joins. */
  readonly targetId?: string;
  readonly nodeMemoryBytes: number;
  readonly seccompFolder: string;
}

/** @throws ContainerConfigError when the container may not run like this. */
export function containerConfig(input: ContainerInput): ContainerConfig {
  const { pod, container, attempt, image, environment } = input;
  const stopSignal = container.lifecycle?.stopSignal;
  return {
    metadata: { name: container.name, attempt },
    image: { image: image.id, userSpecifiedImage: container.image ?? "" },
    command: expandAll(container.command ?? [], environment),
    args: expandAll(container.args ?? [], environment),
    ...(container.workingDir !== undefined && { workingDir: container.workingDir }),
    envs: [...environment].map(([key, value]) => ({ key, value: utf8(value) })),
    mounts: input.mounts,
    devices: containerDevices(container, input.volumes),
    labels: {
      [label.containerName]: container.name,
      [label.podName]: pod.metadata.name ?? "",
      [label.podNamespace]: pod.metadata.namespace ?? "",
      [label.podUid]: pod.metadata.uid ?? "",
    },
    annotations: containerAnnotations(pod, container, attempt),
    logPath: `${container.name}/${attempt}.log`,
    stdin: container.stdin === true,
    stdinOnce: container.stdinOnce === true,
    tty: container.tty === true,
    linux: {
      resources: containerResources(pod, container, input.nodeMemoryBytes),
      securityContext: containerSecurity(input),
    },
    ...(stopSignal && { stopSignal }),
  };
}

/** What a later start of kedge, which may no longer know the pod, needs to end the container properly. */
function containerAnnotations(
  pod: Pod,
  container: Container | EphemeralContainer,
  attempt: number,
): Readonly<Record<string, string>> {
  const grace = pod.spec.terminationGracePeriodSeconds;
  const preStop = container.lifecycle?.preStop;
  return {
    [annotation.hash]: hashOf(container),
    [annotation.restartCount]: String(attempt),
    [annotation.terminationMessagePath]: container.terminationMessagePath || terminationMessagePathDefault,
    [annotation.terminationMessagePolicy]: container.terminationMessagePolicy ?? "File",
    ...(container.ports?.length && { [annotation.ports]: JSON.stringify(container.ports) }),
    ...(preStop && { [annotation.preStop]: JSON.stringify(preStop) }),
    ...(grace !== undefined && { [annotation.terminationGracePeriod]: String(grace) }),
  };
}
