/** Pods that the runtime still has and the API no longer knows: rebuilt from their labels, so that they end properly. */
import type { Container as RuntimeContainer, PodSandbox } from "#host/cri.ts";
import type { Pod } from "#resources/core/pod.ts";
import { annotation, label } from "./plan/identity.ts";

/** As much of the pod as is needed to end it. */
export function orphanPod(sandbox: PodSandbox, containers: readonly RuntimeContainer[]): Pod {
  const { name, namespace, uid } = sandbox.metadata;
  const own = containers.filter((container) => container.labels[label.podUid] === uid);
  const grace = own.map((container) => container.annotations[annotation.terminationGracePeriod]).find(Boolean);
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, uid, labels: sandbox.labels, annotations: sandbox.annotations },
    spec: {
      containers: [...new Set(own.map((container) => container.metadata.name))].map((one) => ({
        name: one,
        resources: {},
      })),
      ...(grace !== undefined && { terminationGracePeriodSeconds: Number(grace) }),
    },
    status: {},
  };
}
