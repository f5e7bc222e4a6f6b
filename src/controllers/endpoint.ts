/**
 * Endpoints of Services with a selector: the older form of EndpointSlices, which many clients still read.
 *
 * @see https://kubernetes.io/docs/concepts/services-networking/service/#endpoints
 */
import { deepEqual } from "#machinery/equal.ts";
import { endpoints, type EndpointAddress, type EndpointSubset, type Endpoints } from "#resources/core/endpoints.ts";
import { services, type Service } from "#resources/core/service.ts";
import type { PodSeen } from "./pod-view.ts";
import { create, remove, update } from "./actions.ts";
import { nothing, type Controller, type Plan } from "./controller.ts";
import { backendsOf, hostnameIn, type Backend } from "./endpoints/from-pods.ts";
import { selectedPods } from "./endpoint-slice.ts";
import { servicesOfPods } from "./endpoints/service-watches.ts";
import { ownKind } from "./watches.ts";

export interface EndpointsObservation {
  readonly service: Service | undefined;
  readonly pods: readonly PodSeen[];
  readonly existing: Endpoints | undefined;
}

const overCapacity = "endpoints.kubernetes.io/over-capacity";
const managedBy = "endpoints.kubernetes.io/managed-by";
const manager = "endpoint-controller";
const headlessLabel = "service.kubernetes.io/headless";
/** Addresses an Endpoints object holds at most; upstream's value. */
const addressesMax = 1000;

export const endpointController: Controller<EndpointsObservation> = {
  name: "endpoint-controller",
  watches: [...servicesOfPods, ownKind(endpoints)],
  observe: (key, caches) => {
    const service = caches.get(services, key);
    const existing = caches.get(endpoints, key);
    if (!service) {
      // Only what this controller made goes with its Service.
      return existing?.metadata.labels?.[managedBy] === manager ? { service, pods: [], existing } : undefined;
    }
    if (!service.spec.selector || service.spec.type === "ExternalName") return undefined;
    return { service, pods: selectedPods(service, caches), existing };
  },
  plan: planEndpoints,
};

/** Pure. */
export function planEndpoints({ service, pods, existing }: EndpointsObservation): Plan {
  if (!service) return existing ? { actions: [remove(endpoints, existing)] } : nothing;
  if (service.metadata.deletionTimestamp !== undefined) return nothing;
  const backends = backendsOf(service, pods).filter(
    ({ terminating }) => !terminating || service.spec.publishNotReadyAddresses === true,
  );
  const kept = backends.slice(0, addressesMax);
  const subsets = subsetsOf(service, kept);
  const labels = {
    ...service.metadata.labels,
    [managedBy]: manager,
    ...(service.spec.clusterIP === "None" ? { [headlessLabel]: "" } : {}),
  };
  const { [overCapacity]: _, ...annotations } = existing?.metadata.annotations ?? {};
  const noted = backends.length > kept.length ? { ...annotations, [overCapacity]: "truncated" } : annotations;
  if (!existing) {
    const { namespace, name } = service.metadata;
    const metadata = { namespace, name, labels, ...(Object.keys(noted).length > 0 ? { annotations: noted } : {}) };
    return { actions: [create(endpoints, { apiVersion: "v1", kind: "Endpoints", metadata, subsets })] };
  }
  const same =
    deepEqual(existing.subsets ?? [], subsets) &&
    deepEqual(existing.metadata.labels ?? {}, labels) &&
    deepEqual(existing.metadata.annotations ?? {}, noted);
  if (same) return nothing;
  return {
    actions: [
      update(endpoints, { ...existing, metadata: { ...existing.metadata, labels, annotations: noted }, subsets }),
    ],
  };
}

/** Addresses with the same ports stand in one subset, in the order the canonical form of upstream has. */
function subsetsOf(service: Service, backends: readonly Backend[]): EndpointSubset[] {
  const groups = new Map<
    string,
    { ready: EndpointAddress[]; notReady: EndpointAddress[]; ports: NonNullable<EndpointSubset["ports"]> }
  >();
  for (const [resolved, alike] of Map.groupBy(backends, ({ ports }) => ports)) {
    const ports = resolved.map(({ name, protocol, port, appProtocol }) => ({
      ...(name === "" ? {} : { name }),
      port,
      protocol,
      ...(appProtocol === undefined ? {} : { appProtocol }),
    }));
    if (ports.length === 0 && (service.spec.ports ?? []).length > 0) continue;
    const id = JSON.stringify(ports);
    const group = groups.get(id) ?? { ready: [], notReady: [], ports };
    for (const backend of alike) (backend.ready ? group.ready : group.notReady).push(addressOf(service, backend));
    groups.set(id, group);
  }
  const byIp = (a: EndpointAddress, b: EndpointAddress): number => a.ip.localeCompare(b.ip);
  return [...groups]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([, { ready, notReady, ports }]) => ({
      ...(ready.length > 0 ? { addresses: ready.toSorted(byIp) } : {}),
      ...(notReady.length > 0 ? { notReadyAddresses: notReady.toSorted(byIp) } : {}),
      ...(ports.length > 0 ? { ports } : {}),
    }));
}

function addressOf(service: Service, { pod, address }: Backend): EndpointAddress {
  const hostname = hostnameIn(service, pod);
  return {
    ip: address,
    ...(hostname === undefined ? {} : { hostname }),
    ...(pod.spec.nodeName === undefined ? {} : { nodeName: pod.spec.nodeName }),
    targetRef: { kind: "Pod", namespace: pod.metadata.namespace, name: pod.metadata.name, uid: pod.metadata.uid },
  };
}
