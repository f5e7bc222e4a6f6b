/** What fake nodes read of pods. What they write back - the states of containers - they hold whole. */
import { view, type KindView, type Seen } from "#machinery/view.ts";
import { pods } from "#resources/core/pod.ts";

const container = { name: true, image: true } as const;

const declared = view(pods, {
  metadata: {
    annotations: {
      "fake.kedge.io/start-ms": true,
      "fake.kedge.io/run-ms": true,
      "fake.kedge.io/stop-ms": true,
      "fake.kedge.io/exit-code": true,
    },
    deletionTimestamp: true,
    deletionGracePeriodSeconds: true,
    finalizers: true,
  },
  spec: {
    nodeName: true,
    hostNetwork: true,
    restartPolicy: true,
    containers: container,
    initContainers: { ...container, restartPolicy: true },
  },
  status: { phase: true, podIP: true, containerStatuses: true },
});

export interface FakePod extends Seen<typeof declared> {}

export const fakePodView: KindView<FakePod> = declared;
