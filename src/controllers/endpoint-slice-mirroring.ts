/**
 * EndpointSlices for Endpoints that users wrote: those of Services without a selector.
 *
 * @see https://kubernetes.io/docs/concepts/services-networking/service/#services-without-selectors
 */
import { endpoints, type EndpointAddress, type EndpointSubset, type Endpoints } from "#resources/core/endpoints.ts";
import { services, type Service } from "#resources/core/service.ts";
import { endpointSlices, type Endpoint, type EndpointSlice } from "#resources/discovery/endpoint-slice.ts";
import { remove } from "./actions.ts";
import { nothing, type Controller, type Plan } from "./controller.ts";
import { managedByLabel, planSlices, serviceNameLabel, type EndpointGroup } from "./endpoints/slices.ts";
import { ownKind, watching } from "./watches.ts";

export interface MirroringObservation {
  readonly service: Service | undefined;
  readonly endpoints: Endpoints | undefined;
  readonly slices: readonly EndpointSlice[];
}

const manager = "endpointslicemirroring-controller.k8s.io";
const skipLabel = "endpointslice.kubernetes.io/skip-mirror";
const leaderAnnotation = "control-plane.alpha.kubernetes.io/leader";
/** Addresses of a subset that are mirrored at most; upstream's value. */
const addressesMax = 1000;
const byService = "service";
const notCopied = new Set([
  "kubectl.kubernetes.io/last-applied-configuration",
  "endpoints.kubernetes.io/last-change-trigger-time",
]);

export const endpointSliceMirroringController: Controller<MirroringObservation> = {
  name: "endpointslicemirroring-controller",
  watches: [
    ownKind(endpoints),
    ownKind(services),
    watching(endpointSlices, {
      indexes: {
        [byService]: ({ metadata }) => [`${metadata.namespace}/${metadata.labels?.[serviceNameLabel]}`],
      },
      keysOf: ({ object: { metadata } }) =>
        metadata.labels?.[managedByLabel] === manager
          ? [{ namespace: metadata.namespace ?? "", name: metadata.labels[serviceNameLabel] ?? "" }]
          : [],
    }),
  ],
  observe: (key, caches) => ({
    service: caches.get(services, key),
    endpoints: caches.get(endpoints, key),
    slices: caches
      .byIndex(endpointSlices, { name: byService, value: `${key.namespace}/${key.name}` })
      .filter((slice) => slice.metadata.labels?.[managedByLabel] === manager),
  }),
  plan: planMirroring,
};

/** Pure. */
export function planMirroring({ service, endpoints: written, slices }: MirroringObservation): Plan {
  if (!service || !written || service.spec.selector || !isMirrored(written))
    return slices.length === 0 ? nothing : { actions: slices.map((slice) => remove(endpointSlices, slice)) };
  const { labels = {}, annotations = {} } = written.metadata;
  const copied = Object.entries(annotations).filter(([name]) => !notCopied.has(name));
  const actions = planSlices({
    service,
    owner: written,
    managedBy: manager,
    groups: (written.subsets ?? []).map(groupOf),
    existing: slices,
    annotations: Object.fromEntries(copied),
    labels,
  });
  return actions.length === 0 ? nothing : { actions };
}

function isMirrored({ metadata }: Endpoints): boolean {
  return (
    metadata.deletionTimestamp === undefined &&
    metadata.labels?.[skipLabel] !== "true" &&
    metadata.annotations?.[leaderAnnotation] === undefined
  );
}

function groupOf({ addresses = [], notReadyAddresses = [], ports = [] }: EndpointSubset): EndpointGroup {
  const all = [
    ...addresses.map((address) => mirror(address, true)),
    ...notReadyAddresses.map((address) => mirror(address, false)),
  ];
  return {
    ports: ports.map(({ name = "", port, protocol = "TCP", appProtocol }) => ({
      name,
      protocol,
      port,
      ...(appProtocol === undefined ? {} : { appProtocol }),
    })),
    endpoints: all.slice(0, addressesMax),
  };
}

function mirror({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname === undefined ? {} : { hostname }),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(targetRef === undefined ? {} : { targetRef }),
  };
}
