/** EndpointSlice of discovery.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import {
  atomicObject,
  bool,
  int32,
  list,
  map,
  object,
  of,
  oneOf,
  set,
  str,
  string,
  type Infer,
} from "#machinery/shape.ts";
import { objectReferenceShape } from "../core/references.ts";
import { ageColumn, nameColumn, text } from "#machinery/table.ts";
import { shortList } from "../column-texts.ts";
import { checkEndpointSlice } from "./endpoint-slice-rules.ts";

export const endpointConditionsShape = object("api.discovery.v1.EndpointConditions", {
  ready: bool(1),
  serving: bool(2),
  terminating: bool(3),
});
export interface EndpointConditions extends Infer<typeof endpointConditionsShape> {}

export const forZoneShape = object("api.discovery.v1.ForZone", {
  name: string(1).always(),
});
export interface ForZone extends Infer<typeof forZoneShape> {}

export const forNodeShape = object("api.discovery.v1.ForNode", {
  name: string(1).always(),
});
export interface ForNode extends Infer<typeof forNodeShape> {}

export const endpointHintsShape = object("api.discovery.v1.EndpointHints", {
  forZones: list(1, forZoneShape),
  forNodes: list(2, forNodeShape),
});
export interface EndpointHints extends Infer<typeof endpointHintsShape> {}

export const endpointShape = object("api.discovery.v1.Endpoint", {
  addresses: set(1, str).always(),
  conditions: of(2, endpointConditionsShape).always().unlisted(),
  hostname: string(3).keepZero(),
  targetRef: of(4, objectReferenceShape),
  deprecatedTopology: map(5, str),
  nodeName: string(6).keepZero(),
  zone: string(7).keepZero(),
  hints: of(8, endpointHintsShape),
});
export interface Endpoint extends Infer<typeof endpointShape> {}

export const endpointPortShape = atomicObject("api.discovery.v1.EndpointPort", {
  name: string(1).keepZero().default(""),
  protocol: oneOf(2, ["TCP", "UDP", "SCTP"]).keepZero().default("TCP"),
  port: int32(3),
  appProtocol: string(4).keepZero(),
});
export interface EndpointPort extends Infer<typeof endpointPortShape> {}

export const endpointSliceShape = kind("api.discovery.v1.EndpointSlice", {
  addressType: string(4).always(),
  endpoints: list(2, endpointShape).always().unlisted(),
  ports: list(3, endpointPortShape).always().unlisted(),
});
export interface EndpointSlice extends Infer<typeof endpointSliceShape> {}

function portsText({ ports }: EndpointSlice): string {
  return (
    shortList(
      ports.map(({ port, name }) => String(port ?? name ?? "*")),
      3,
    ) || "<unset>"
  );
}

function addressesText(slice: EndpointSlice): string {
  return (
    shortList(
      slice.endpoints.flatMap(({ addresses }) => addresses),
      3,
    ) || "<unset>"
  );
}

export const endpointSlices = resource<EndpointSlice>({
  group: "discovery.k8s.io",
  version: "v1",
  kind: "EndpointSlice",
  plural: "endpointslices",
  namespaced: true,
  shape: endpointSliceShape,
  columns: [
    nameColumn,
    text("AddressType", (one) => one.addressType),
    text("Ports", portsText),
    text("Endpoints", addressesText),
    ageColumn,
  ],
  generationFields: ["addressType", "endpoints", "ports"],
  check: checkEndpointSlice,
});
