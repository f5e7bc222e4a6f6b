/**
 * Where a Service's packets may go. Pure. Ready endpoints; while there is none, those that end but still serve. The
 * question is asked anew for the endpoints of this machine alone, which a local traffic policy goes by.
 *
 * @see https://kubernetes.io/docs/reference/networking/virtual-ips/#traffic-to-terminating-endpoints
 */
import { parseIpv4 } from "#base/cidr.ts";
import type { ServicePort } from "#resources/core/service.ts";
import type { Endpoint } from "#resources/discovery/endpoint-slice.ts";
import { type SliceSeen } from "../service-view.ts";

export interface Target {
  /** IPv4. */
  readonly address: string;
  readonly port: number;
  /** On this machine. */
  readonly local: boolean;
}

/** Each in the order of their addresses. */
export interface Endpoints {
  readonly cluster: readonly Target[];
  readonly local: readonly Target[];
}

export function endpointsOf(slices: readonly SliceSeen[], port: ServicePort, nodeName: string): Endpoints {
  const found = slices.filter(({ addressType }) => addressType === "IPv4").flatMap((slice) => inSlice(slice, port));
  const isLocal = ({ endpoint }: Found): boolean => endpoint.nodeName === nodeName;
  const targets = (some: readonly Found[]): Target[] =>
    inOrder(some).map((one) => ({ address: one.address, port: one.port, local: isLocal(one) }));
  return { cluster: targets(usable(found)), local: targets(usable(found.filter(isLocal))) };
}

interface Found {
  readonly endpoint: Endpoint;
  readonly address: string;
  readonly port: number;
}

function inSlice(slice: SliceSeen, port: ServicePort): Found[] {
  const offered = (slice.ports ?? []).find(
    (one) => (one.name ?? "") === (port.name ?? "") && (one.protocol ?? "TCP") === (port.protocol ?? "TCP"),
  );
  const number = offered?.port;
  if (number === undefined) return [];
  return slice.endpoints.flatMap((endpoint) => {
    const [address = ""] = endpoint.addresses;
    return parseIpv4(address) === undefined ? [] : [{ endpoint, address, port: number }];
  });
}

function usable(found: readonly Found[]): readonly Found[] {
  const ready = found.filter(({ endpoint }) => endpoint.conditions.ready !== false);
  if (ready.length > 0) return ready;
  return found.filter(({ endpoint: { conditions } }) => conditions.serving === true && conditions.terminating === true);
}

/** Each once: an endpoint may stand in several slices while it moves from one to another. */
function inOrder(found: readonly Found[]): readonly Found[] {
  const byPlace = new Map(found.map((one) => [`${one.address}:${one.port}`, one]));
  return [...byPlace].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
}
