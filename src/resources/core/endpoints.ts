/** Endpoints of the core group/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { atomicObject, int32, list, object, of, oneOf, string, type Infer } from "#machinery/shape.ts";
import { objectReferenceShape } from "./references.ts";
import { ageColumn, nameColumn, text } from "#machinery/table.ts";
import { shortList } from "../column-texts.ts";
import { checkEndpoints } from "./node-rules.ts";

export const endpointAddressShape = atomicObject("api.core.v1.EndpointAddress", {
  ip: string(1).always(),
  hostname: string(3),
  nodeName: string(4).keepZero(),
  targetRef: of(2, objectReferenceShape),
});
export interface EndpointAddress extends Infer<typeof endpointAddressShape> {}

export const endpointPortShape = atomicObject("api.core.v1.EndpointPort", {
  name: string(1),
  port: int32(2).always(),
  protocol: oneOf(3, ["TCP", "UDP", "SCTP"]).default("TCP"),
  appProtocol: string(4).keepZero(),
});
export interface EndpointPort extends Infer<typeof endpointPortShape> {}

export const endpointSubsetShape = object("api.core.v1.EndpointSubset", {
  addresses: list(1, endpointAddressShape),
  notReadyAddresses: list(2, endpointAddressShape),
  ports: list(3, endpointPortShape),
});
export interface EndpointSubset extends Infer<typeof endpointSubsetShape> {}

export const endpointsShape = kind("api.core.v1.Endpoints", {
  subsets: list(2, endpointSubsetShape),
});
export interface Endpoints extends Infer<typeof endpointsShape> {}

function addressesText({ subsets = [] }: Endpoints): string {
  if (subsets.length === 0) return "<none>";
  const texts = subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0
      ? addresses.map(({ ip }) => ip)
      : ports.flatMap(({ port }) =>
          addresses.map(({ ip }) => (ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`)),
        ),
  );
  return shortList(texts, 3);
}

export const endpoints = resource<Endpoints>({
  group: "",
  version: "v1",
  kind: "Endpoints",
  plural: "endpoints",
  shortNames: ["ep"],
  namespaced: true,
  shape: endpointsShape,
  columns: [nameColumn, text("Endpoints", addressesText), ageColumn],
  check: checkEndpoints,
});
