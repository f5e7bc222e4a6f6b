/**
 * What a cluster holds before anyone wrote anything: namespaces, roles, priorities, and the Service by which pods reach
 * the API. Written at start, once the log is open; what is there already stays as it is.
 */
import { own } from "#base/own.ts";
import type { Client } from "#client/client.ts";
import type { KubeObject, ObjectKey } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import { isReason } from "#machinery/status.ts";
import { configMaps } from "#resources/core/config-map.ts";
import { endpoints, type Endpoints } from "#resources/core/endpoints.ts";
import { namespaces } from "#resources/core/namespace.ts";
import { services, type Service } from "#resources/core/service.ts";
import { endpointSlices, type EndpointSlice } from "#resources/discovery/endpoint-slice.ts";
import { serviceCIDRs } from "#resources/networking/service-cidr.ts";
import { priorityClasses } from "#resources/scheduling/priority-class.ts";
import { systemPriorities } from "./admission/pod-defaults.ts";
import { writeDefaultRoles } from "./authorization/write-defaults.ts";
import { flowControlDefaults } from "./bootstrap/flow-control.ts";

export interface BootstrapOptions {
  readonly client: Client;
  readonly serviceCidr: string;
  /** The first address of the service network: the "kubernetes" Service. */
  readonly serviceAddress: string;
  /** Where this server can be reached by pods. */
  readonly advertiseAddress: string;
  readonly advertisePort: number;
  /** PEM of the CA that signs client certificates, for extension API servers. */
  readonly clientCa: string;
  readonly requestHeaderCa: string;
}

const systemNamespaces = ["default", "kube-system", "kube-public", "kube-node-lease"];
const inDefault: ObjectKey = { namespace: "default", name: "kubernetes" };

/** @throws StatusError when the API refuses, or the signal's reason. Doing it twice changes nothing. */
export async function writeBootstrapObjects(options: BootstrapOptions, signal: AbortSignal): Promise<void> {
  const { client } = options;
  await Promise.all(
    systemNamespaces.map((name) =>
      createMissing(client, namespaces, {
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name },
        spec: {},
        status: {},
      }),
    ),
  );
  await Promise.all([
    writeDefaultRoles(client, signal),
    writePriorities(client),
    writeServiceNetwork(options),
    writeAuthenticationConfig(options),
    ...flowControlDefaults.map(({ resource, object }) => createMissing(client, resource, object)),
  ]);
}

async function createMissing<T extends KubeObject>(
  client: Client,
  resource: ResourceDefinition<T>,
  object: T,
): Promise<void> {
  try {
    await client.create(resource, object);
  } catch (error) {
    if (!isReason(error, "AlreadyExists")) throw error;
  }
}

async function writePriorities(client: Client): Promise<void> {
  const describe: Readonly<Record<string, string>> = {
    "system-cluster-critical": "For pods the cluster cannot work without, wherever they run.",
    "system-node-critical": "For pods their node cannot work without.",
  };
  for (const [name, value] of Object.entries(systemPriorities)) {
    const description = own(describe, name);
    await createMissing(client, priorityClasses, {
      apiVersion: "scheduling.k8s.io/v1",
      kind: "PriorityClass",
      metadata: { name },
      value,
      ...(description === undefined ? {} : { description }),
    });
  }
}

async function writeServiceNetwork(options: BootstrapOptions): Promise<void> {
  const { client, serviceAddress, advertiseAddress, advertisePort } = options;
  await createMissing(client, serviceCIDRs, {
    apiVersion: "networking.k8s.io/v1",
    kind: "ServiceCIDR",
    metadata: { name: "kubernetes" },
    spec: { cidrs: [options.serviceCidr] },
    status: {},
  });
  const labels = { component: "apiserver", provider: "kubernetes" };
  const service: Service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { ...inDefault, labels },
    spec: {
      clusterIP: serviceAddress,
      clusterIPs: [serviceAddress],
      ipFamilies: ["IPv4"],
      ipFamilyPolicy: "SingleStack",
      type: "ClusterIP",
      sessionAffinity: "None",
      ports: [{ name: "https", protocol: "TCP", port: 443, targetPort: advertisePort }],
    },
    status: { loadBalancer: {} },
  };
  await createMissing(client, services, service);
  const ports = [{ name: "https", port: advertisePort, protocol: "TCP" as const }];
  const skipMirror = { "endpointslice.kubernetes.io/skip-mirror": "true" };
  const points: Endpoints = {
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: { ...inDefault, labels: skipMirror },
    subsets: [{ addresses: [{ ip: advertiseAddress }], ports }],
  };
  const slice: EndpointSlice = {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { ...inDefault, labels: { "kubernetes.io/service-name": "kubernetes" } },
    addressType: "IPv4",
    endpoints: [{ addresses: [advertiseAddress], conditions: { ready: true } }],
    ports,
  };
  await createOrReplace(client, endpoints, points);
  await createOrReplace(client, endpointSlices, slice);
}

/** The address of this server may have changed since the last start. */
async function createOrReplace<T extends KubeObject>(
  client: Client,
  resource: ResourceDefinition<T>,
  object: T,
): Promise<void> {
  try {
    await client.create(resource, object);
  } catch (error) {
    if (!isReason(error, "AlreadyExists")) throw error;
    await client.update(resource, object);
  }
}

async function writeAuthenticationConfig(options: BootstrapOptions): Promise<void> {
  await createMissing(options.client, configMaps, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { namespace: "kube-system", name: "extension-apiserver-authentication" },
    data: {
      "client-ca-file": options.clientCa,
      "requestheader-client-ca-file": options.requestHeaderCa,
      "requestheader-allowed-names": '["system:auth-proxy"]',
      "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
      "requestheader-group-headers": '["X-Remote-Group"]',
      "requestheader-username-headers": '["X-Remote-User"]',
    },
  });
}
