/** Small nodes and pods for tests of scheduling. */
import type { Affinity } from "#resources/core/affinity.ts";
import type { Node, NodeStatus, Taint } from "#resources/core/node.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { PodSpec, Toleration } from "#resources/core/pod-spec.ts";

import type { PersistentVolume } from "#resources/core/persistent-volume.ts";
import type { PersistentVolumeClaim } from "#resources/core/persistent-volume-claim.ts";
import type { Cluster } from "#scheduler/plugin.ts";
import { factsOf } from "#scheduler/pod-facts.ts";
import type { Related } from "#scheduler/related.ts";
import { Snapshot } from "#scheduler/snapshot.ts";

type Texts = Readonly<Record<string, string>>;

export interface NodeOptions {
  readonly labels?: Texts;
  readonly taints?: readonly Taint[];
  readonly unschedulable?: boolean;
  readonly images?: NodeStatus["images"];
}

/** A node with room for 110 pods and, unless said, 4 cores and 8 GiB. */
export function node(name: string, allocatable: Texts = {}, options: NodeOptions = {}): Node {
  const { labels, taints, unschedulable, images } = options;
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: { "kubernetes.io/hostname": name, ...labels } },
    spec: { ...(taints ? { taints } : {}), ...(unschedulable === undefined ? {} : { unschedulable }) },
    status: {
      allocatable: { pods: "110", cpu: "4", memory: "8Gi", ...allocatable },
      daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
      nodeInfo: {
        machineID: "",
        systemUUID: "",
        bootID: "",
        kernelVersion: "",
        osImage: "",
        containerRuntimeVersion: "",
        kubeletVersion: "",
        kubeProxyVersion: "",
        operatingSystem: "linux",
        architecture: "amd64",
      },
      ...(images ? { images } : {}),
    },
  };
}

export interface PodOptions {
  readonly namespace?: string;
  readonly labels?: Texts;
  readonly requests?: Texts;
  readonly priority?: number;
  readonly gates?: readonly string[];
  readonly schedulerName?: string;
  readonly affinity?: Affinity;
  readonly tolerations?: readonly Toleration[];
  readonly hostPorts?: readonly number[];
  readonly image?: string;
  /** Names of claims that it has volumes of. */
  readonly claims?: readonly string[];
  readonly spec?: Partial<PodSpec>;
  readonly status?: Pod["status"];
}

/** A pod of one container in the namespace "default", with its name as its uid. */
export function pod(name: string, options: PodOptions = {}): Pod {
  const { labels, requests, priority, gates, affinity, tolerations, claims } = options;
  const ports = (options.hostPorts ?? []).map((port) => ({ containerPort: port, hostPort: port }));
  const resources = requests ? { requests } : {};
  const volumes = claims?.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } }));
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: options.namespace ?? "default", name, uid: name, ...(labels ? { labels } : {}) },
    spec: {
      containers: [{ name: "main", image: options.image ?? "example.com/app", resources, ports }],
      schedulerName: options.schedulerName ?? "default-scheduler",
      ...(priority === undefined ? {} : { priority }),
      ...(gates ? { schedulingGates: gates.map((gate) => ({ name: gate })) } : {}),
      ...(affinity ? { affinity } : {}),
      ...(tolerations ? { tolerations } : {}),
      ...(volumes ? { volumes } : {}),
      ...options.spec,
    },
    status: options.status ?? {},
  };
}

/** A cluster of these nodes and pods, the latter by the node they are on. */
export function clusterOf(
  nodes: readonly Node[],
  placed: Readonly<Record<string, readonly Pod[]>> = {},
  related: Partial<Related> = {},
): Cluster & { readonly snapshot: Snapshot } {
  const snapshot = new Snapshot();
  for (const one of nodes) snapshot.setNode(one);
  for (const [nodeName, there] of Object.entries(placed))
    for (const one of there) snapshot.setPod(factsOf({ ...one, spec: { ...one.spec, nodeName } }));
  return { snapshot, related: { ...nothingRelated, ...related } };
}

const nothingRelated: Related = {
  namespaceLabels: () => ({}),
  claim: () => undefined,
  volume: () => undefined,
  volumesOf: () => [],
  isPromised: () => false,
  storageClass: () => undefined,
  csiNode: () => undefined,
  disruptionBudgets: () => [],
  siblings: () => undefined,
};

/** A claim of 1 GiB in the namespace "default". */
export function claim(
  name: string,
  spec: Partial<PersistentVolumeClaim["spec"]> = {},
  metadata: Partial<PersistentVolumeClaim["metadata"]> = {},
): PersistentVolumeClaim {
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { namespace: "default", name, uid: name, ...metadata },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } }, ...spec },
    status: { phase: spec.volumeName === undefined ? "Pending" : "Bound" },
  };
}

/** A volume of 1 GiB that is free. */
export function volume(
  name: string,
  spec: Partial<PersistentVolume["spec"]> = {},
  labels: Texts = {},
): PersistentVolume {
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name, uid: name, labels },
    spec: { capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"], ...spec },
    status: { phase: "Available" },
  };
}
