/**
 * EndpointSlices of Services with a selector.
 *
 * @see https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
 */
import { selectorOfMap } from "#machinery/label-selector.ts";
import { nodes, type Node } from "#resources/core/node.ts";
import { services, type Service } from "#resources/core/service.ts";
import {
  endpointSlices,
  type Endpoint,
  type EndpointHints,
  type EndpointSlice,
} from "#resources/discovery/endpoint-slice.ts";
import { nothing, type Caches, type Controller, type Plan } from "./controller.ts";
import { backendsOf, hostnameIn, type Backend } from "./endpoints/from-pods.ts";
import { managedByLabel, planSlices, serviceNameLabel, type EndpointGroup } from "./endpoints/slices.ts";
import { servicesOfPods } from "./endpoints/service-watches.ts";
import { lookedAt, watching } from "./watches.ts";
import { podView, type PodSeen } from "./pod-view.ts";

export interface EndpointSliceObservation {
  readonly service: Service;
  readonly pods: readonly PodSeen[];
  readonly slices: readonly EndpointSlice[];
  readonly zoneOf: (nodeName: string) => string | undefined;
}

const manager = "endpointslice-controller.k8s.io";
const byService = "service";

export const endpointSliceController: Controller<EndpointSliceObservation> = {
  name: "endpointslice-controller",
  watches: [
    ...servicesOfPods,
    lookedAt(nodes),
    watching(endpointSlices, {
      indexes: {
        [byService]: (object) => [`${object.metadata.namespace}/${object.metadata.labels?.[serviceNameLabel]}`],
      },
      keysOf: ({ object }) =>
        object.metadata.labels?.[managedByLabel] === manager
          ? [{ namespace: object.metadata.namespace ?? "", name: object.metadata.labels[serviceNameLabel] ?? "" }]
          : [],
    }),
  ],
  observe: (key, caches) => {
    const service = caches.get(services, key);
    if (!service?.spec.selector || service.spec.type === "ExternalName") return undefined;
    const value = `${key.namespace}/${key.name}`;
    return {
      service,
      pods: selectedPods(service, caches),
      slices: caches
        .byIndex(endpointSlices, { name: byService, value })
        .filter((slice) => slice.metadata.labels?.[managedByLabel] === manager),
      zoneOf: (name) => zoneOf(caches.get(nodes, { namespace: "", name })),
    };
  },
  plan: planEndpointSlices,
};

export function selectedPods(service: Service, caches: Caches): readonly PodSeen[] {
  const selector = selectorOfMap(service.spec.selector);
  return caches
    .list(podView, service.metadata.namespace ?? "")
    .filter((pod) => selector.matches(pod.metadata.labels ?? {}));
}

function zoneOf(node: Node | undefined): string | undefined {
  return node?.metadata.labels?.["topology.kubernetes.io/zone"];
}

/** Pure. */
export function planEndpointSlices({ service, pods: selected, slices, zoneOf: zone }: EndpointSliceObservation): Plan {
  if (service.metadata.deletionTimestamp !== undefined) return nothing;
  const groups = new Map<string, { ports: EndpointGroup["ports"]; endpoints: Endpoint[] }>();
  for (const [resolved, backends] of Map.groupBy(backendsOf(service, selected), ({ ports }) => ports)) {
    const ports = resolved.map(({ name, protocol, port, appProtocol }) => ({
      name,
      protocol,
      port,
      ...(appProtocol === undefined ? {} : { appProtocol }),
    }));
    const id = JSON.stringify(ports);
    const group = groups.get(id) ?? { ports, endpoints: new Array<Endpoint>() };
    for (const backend of backends) group.endpoints.push(endpointOf(service, backend, zone));
    groups.set(id, group);
  }
  if (groups.size === 0) groups.set("[]", { ports: [], endpoints: [] });
  const labels = Object.fromEntries(
    Object.entries(service.metadata.labels ?? {}).filter(([key]) => key !== "service.kubernetes.io/headless"),
  );
  const actions = planSlices({
    service,
    owner: service,
    managedBy: manager,
    groups: [...groups.values()],
    existing: slices,
    labels,
  });
  return actions.length === 0 ? nothing : { actions };
}

function endpointOf(service: Service, backend: Backend, zone: EndpointSliceObservation["zoneOf"]): Endpoint {
  const { pod, ready, serving, terminating, address } = backend;
  const { nodeName } = pod.spec;
  const inZone = nodeName === undefined ? undefined : zone(nodeName);
  const hostname = hostnameIn(service, pod);
  const hints = ready ? hintsOf(service, { nodeName, zone: inZone }) : undefined;
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    ...(hostname === undefined ? {} : { hostname }),
    targetRef: { kind: "Pod", namespace: pod.metadata.namespace, name: pod.metadata.name, uid: pod.metadata.uid },
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(inZone === undefined ? {} : { zone: inZone }),
    ...(hints ? { hints } : {}),
  };
}

/** Who is to use the endpoint while it is there: those near it, as far as the Service wants that. */
function hintsOf(
  { spec: { trafficDistribution } }: Service,
  at: { readonly nodeName: string | undefined; readonly zone: string | undefined },
): EndpointHints | undefined {
  const forZones = at.zone === undefined ? {} : { forZones: [{ name: at.zone }] };
  const forNodes = at.nodeName === undefined ? {} : { forNodes: [{ name: at.nodeName }] };
  if (trafficDistribution === "PreferSameNode") return { ...forZones, ...forNodes };
  const nearZone = trafficDistribution === "PreferSameZone" || trafficDistribution === "PreferClose";
  return nearZone && at.zone !== undefined ? forZones : undefined;
}
