/** A node that is only said to be there: what it registers with, and what it says of itself from then on. */
import { rfc3339 } from "#base/clock.ts";
import { formatIpv4, parseIpv4 } from "#base/cidr.ts";
import type { Node } from "#resources/core/node.ts";

type NodeStatus = NonNullable<Node["status"]>;

/** On every fake node, so that pods can ask for them or keep away from them. */
export const fakeLabel = "kedge.io/fake-node";
/** A node with this annotation says nothing any more, as if its machine were gone. */
export const silentAnnotation = "fake.kedge.io/silent";

const zones = 3;
// A network that is kept for measurements (RFC 2544): nobody is there.
const firstAddress = parseIpv4("198.18.0.1") ?? 0;
const capacity = { cpu: "32", memory: "256Gi", "ephemeral-storage": "1Ti", pods: "110" };
const mine = /^fake-\d+$/;

export function fakeName(at: number): string {
  return `fake-${at}`;
}

export function isFake(nodeName: string): boolean {
  return mine.test(nodeName);
}

export function fakeAddress(nodeName: string): string {
  return formatIpv4(firstAddress + Number(nodeName.slice("fake-".length)));
}

/** @param version As the node's kubelet says it, "v1.36.0". */
export function fakeNode(at: number, version: string, nowMs: number): Node {
  const name = fakeName(at);
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      labels: {
        [fakeLabel]: "true",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "topology.kubernetes.io/region": "fake",
        "topology.kubernetes.io/zone": `fake-${"abc".charAt(at % zones)}`,
      },
    },
    spec: { providerID: `fake://${name}` },
    status: fakeStatus(name, version, nowMs),
  };
}

/** Of a node that is well. */
export function fakeStatus(nodeName: string, version: string, nowMs: number): NodeStatus {
  const machineID = nodeName;
  return {
    capacity,
    allocatable: capacity,
    addresses: [
      { type: "InternalIP", address: fakeAddress(nodeName) },
      { type: "Hostname", address: nodeName },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: 10_250 } },
    nodeInfo: {
      machineID,
      systemUUID: machineID,
      bootID: machineID,
      kernelVersion: "fake",
      osImage: "fake",
      containerRuntimeVersion: "fake://1",
      kubeletVersion: version,
      kubeProxyVersion: "",
      operatingSystem: "linux",
      architecture: "amd64",
    },
    conditions: wellConditions(nowMs),
  };
}

export function wellConditions(nowMs: number): NonNullable<NodeStatus["conditions"]> {
  const now = rfc3339(nowMs);
  const times = { lastHeartbeatTime: now, lastTransitionTime: now };
  const fine = (type: string, reason: string, message: string) => ({
    type,
    status: "False",
    reason,
    message,
    ...times,
  });
  return [
    fine("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    fine("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    fine("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    { type: "Ready", status: "True", reason: "KubeletReady", message: "kubelet is posting ready status", ...times },
  ];
}
