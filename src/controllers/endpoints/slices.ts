/** Divides the endpoints of a Service over slices, changing as few of those that exist as possible. Pure. */
import { deepEqual } from "#machinery/equal.ts";
import type { KubeObject } from "#machinery/meta.ts";
import type { Service } from "#resources/core/service.ts";
import type { Endpoint, EndpointPort, EndpointSlice } from "#resources/discovery/endpoint-slice.ts";
import { endpointSlices } from "#resources/discovery/endpoint-slice.ts";
import { create, remove, update } from "../actions.ts";
import type { Action } from "../controller.ts";
import { ownerReferenceTo } from "../ownership.ts";

export const serviceNameLabel = "kubernetes.io/service-name";
export const managedByLabel = "endpointslice.kubernetes.io/managed-by";
const headlessLabel = "service.kubernetes.io/headless";
/** Endpoints a slice holds at most; upstream's value. */
export const endpointsPerSlice = 100;

/** Endpoints that share their ports: pods of one Service may listen on different ones under one name. */
export interface EndpointGroup {
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly Endpoint[];
}

export interface SliceRequest {
  readonly service: Service;
  /** Whom the slices go with: the Service, or the Endpoints they mirror. */
  readonly owner: KubeObject;
  readonly managedBy: string;
  readonly groups: readonly EndpointGroup[];
  readonly existing: readonly EndpointSlice[];
  readonly annotations?: Readonly<Record<string, string>>;
  /** Labels of the Service that slices carry, too. */
  readonly labels: Readonly<Record<string, string>>;
}

export function planSlices(request: SliceRequest): Action[] {
  const actions: Action[] = [];
  const living = request.existing.filter((slice) => slice.metadata.deletionTimestamp === undefined);
  const unused = new Set(living);
  const byPorts = Map.groupBy(
    living.filter(({ addressType }) => addressType === "IPv4"),
    ({ ports }) => idOf(ports ?? []),
  );
  const labels = labelsOf(request);
  for (const group of request.groups) {
    const mine = byPorts.get(idOf(group.ports)) ?? [];
    for (const slice of mine) unused.delete(slice);
    actions.push(...planGroup(request, group, { mine, labels }));
  }
  return [...actions, ...[...unused].map((slice) => remove(endpointSlices, slice))];
}

/** The same for the same ports: each pod of a Service may have its own. */
const idOf = (ports: readonly EndpointPort[]): string =>
  JSON.stringify(ports.map(({ name = "", protocol, port, appProtocol }) => [name, protocol, port, appProtocol]));

interface Existing {
  readonly mine: readonly EndpointSlice[];
  readonly labels: Readonly<Record<string, string>>;
}

function planGroup(request: SliceRequest, group: EndpointGroup, { mine, labels }: Existing): Action[] {
  const pending = new Map(group.endpoints.map((endpoint) => [identity(endpoint), endpoint]));
  const kept = mine.map((slice) => {
    const endpoints = slice.endpoints.flatMap((endpoint) => {
      const id = identity(endpoint);
      const now = pending.get(id);
      pending.delete(id);
      return now ? [now] : [];
    });
    return { slice, endpoints };
  });
  for (const { endpoints } of kept) {
    for (const [id, endpoint] of pending) {
      if (endpoints.length >= endpointsPerSlice) break;
      endpoints.push(endpoint);
      pending.delete(id);
    }
  }
  const rest = [...pending.values()];
  const lonely = kept.length === 0 && rest.length === 0;
  const added = lonely ? [[]] : chunks(rest, endpointsPerSlice);
  // One empty slice stays, so that readers know the Service has no endpoints.
  const emptied = kept.filter(({ endpoints }) => endpoints.length === 0);
  const keepEmpty = kept.length === emptied.length && added.length === 0 ? emptied[0] : undefined;
  return [
    ...kept.flatMap((one) => {
      if (one.endpoints.length === 0 && one !== keepEmpty) return [remove(endpointSlices, one.slice)];
      return changeSlice(one.slice, one.endpoints, labels);
    }),
    ...added.map((endpoints) => create(endpointSlices, newSlice(request, { ports: group.ports, endpoints }, labels))),
  ];
}

function changeSlice(slice: EndpointSlice, endpoints: readonly Endpoint[], labels: Existing["labels"]): Action[] {
  const same = deepEqual(slice.endpoints, endpoints) && deepEqual(slice.metadata.labels ?? {}, labels);
  return same ? [] : [update(endpointSlices, { ...slice, metadata: { ...slice.metadata, labels }, endpoints })];
}

function newSlice(request: SliceRequest, group: EndpointGroup, labels: Existing["labels"]): EndpointSlice {
  const { service, owner, annotations } = request;
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      namespace: service.metadata.namespace,
      generateName: `${service.metadata.name}-`,
      labels,
      ...(annotations && Object.keys(annotations).length > 0 ? { annotations } : {}),
      ownerReferences: [ownerReferenceTo(owner)],
    },
    addressType: "IPv4",
    endpoints: group.endpoints,
    ports: group.ports,
  };
}

function labelsOf({ service, managedBy, labels }: SliceRequest): Record<string, string> {
  const headless = service.spec.clusterIP === "None";
  return {
    ...labels,
    [serviceNameLabel]: service.metadata.name ?? "",
    [managedByLabel]: managedBy,
    ...(headless ? { [headlessLabel]: "" } : {}),
  };
}

function identity(endpoint: Endpoint): string {
  return `${endpoint.targetRef?.uid ?? ""}/${endpoint.addresses.join(",")}`;
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size));
}
