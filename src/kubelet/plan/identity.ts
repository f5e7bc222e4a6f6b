/**
 * The names under which pods and containers are known to the runtime: upstream's labels and annotations, by which
 * crictl understands them and a new start of kedge finds them again.
 */
import { createHash } from "node:crypto";
import type { Container, EphemeralContainer } from "#resources/core/container.ts";
import type { Pod } from "#resources/core/pod.ts";

export const label = {
  podName: "io.kubernetes.pod.name",
  podNamespace: "io.kubernetes.pod.namespace",
  podUid: "io.kubernetes.pod.uid",
  containerName: "io.kubernetes.container.name",
} as const;

export const annotation = {
  hash: "io.kubernetes.container.hash",
  restartCount: "io.kubernetes.container.restartCount",
  terminationMessagePath: "io.kubernetes.container.terminationMessagePath",
  terminationMessagePolicy: "io.kubernetes.container.terminationMessagePolicy",
  preStop: "io.kubernetes.container.preStopHandler",
  ports: "io.kubernetes.container.ports",
  terminationGracePeriod: "io.kubernetes.pod.terminationGracePeriod",
  configHash: "kubernetes.io/config.hash",
  configSource: "kubernetes.io/config.source",
  configSeen: "kubernetes.io/config.seen",
  configMirror: "kubernetes.io/config.mirror",
} as const;

/** Changes when the container has to be made anew: its image is all that may change while the pod lives. */
export function hashOf(container: Container | EphemeralContainer): string {
  return createHash("sha256").update(`${container.name}\0${container.image}`).digest("hex").slice(0, 8);
}

/** "web_default(uid)": how upstream names a pod in messages. */
export function podText(pod: Pod): string {
  return `${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})`;
}

/** The uid by which a pod is known here: a static pod's mirror carries the static pod's hash in an annotation. */
export function uidOf(pod: Pod): string {
  return pod.metadata.annotations?.[annotation.configMirror] ?? pod.metadata.uid ?? "";
}

export function podLogFolder(root: string, pod: Pod): string {
  return `${root}/${pod.metadata.namespace}_${pod.metadata.name}_${pod.metadata.uid}`;
}

export function podLabels(pod: Pod): Readonly<Record<string, string>> {
  return {
    ...pod.metadata.labels,
    [label.podName]: pod.metadata.name ?? "",
    [label.podNamespace]: pod.metadata.namespace ?? "",
    [label.podUid]: pod.metadata.uid ?? "",
  };
}
