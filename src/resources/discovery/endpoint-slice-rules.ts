/** Rules of endpoint slices. */
import { child, duplicate, invalid, notSupported, required, tooMany, type FieldError } from "#machinery/field-error.ts";
import { checkEndpointIp, checkIp, isEndpointV4, parseIp } from "#machinery/ip-address.ts";
import { dnsLabel, dnsSubdomain, portNumber, qualifiedName } from "#machinery/names.ts";
import { checked, checkImmutable } from "#machinery/object-meta-rules.ts";
import type { CheckContext } from "#machinery/resource.ts";
import { each } from "#machinery/rule.ts";
import type { Endpoint, EndpointPort, EndpointSlice } from "./endpoint-slice.ts";

const endpointsMax = 1000;
const addressesMax = 100;
const portsMax = 20_000;
const types = ["FQDN", "IPv4", "IPv6"];

function checkAddress(path: string, address: string, type: string): FieldError[] {
  if (type === "FQDN") return checked(path, address, dnsSubdomain);
  const ip = parseIp(address);
  if (!ip) return checkIp(path, address);
  if (`IPv${ip.family}` !== type) return [invalid(path, address, `must be an ${type} address`)];
  return checkEndpointIp(path, address, ip);
}

/** True when nothing is wrong with them. A slice has up to a hundred thousand: places are named for mistakes alone. */
function areSound(addresses: readonly string[], type: string): boolean {
  return type === "IPv4" && addresses.every(isEndpointV4) && new Set(addresses).size === addresses.length;
}

function checkAddresses(where: string, addresses: readonly string[], type: string): FieldError[] {
  const seen = new Set<string>();
  return each(where, addresses, (path, address) => {
    const errors = checkAddress(path, address, type);
    if (seen.has(address)) errors.push(duplicate(path, address));
    seen.add(address);
    return errors;
  });
}

function checkEndpoint(path: string, endpoint: Endpoint, type: string): FieldError[] {
  const { addresses, hostname, nodeName } = endpoint;
  const where = child(path, "addresses");
  const errors = addresses.length === 0 ? [required(where, "must contain at least 1 address")] : [];
  if (addresses.length > addressesMax) errors.push(tooMany(where, addresses.length, addressesMax));
  return [
    ...errors,
    ...(areSound(addresses, type) ? [] : checkAddresses(where, addresses, type)),
    ...(nodeName === undefined ? [] : checked(child(path, "nodeName"), nodeName, dnsSubdomain)),
    ...(hostname === undefined ? [] : checked(child(path, "hostname"), hostname, dnsLabel)),
  ];
}

function checkSlicePort(path: string, { name = "", port, appProtocol }: EndpointPort): FieldError[] {
  return [
    ...(name === "" ? [] : checked(child(path, "name"), name, dnsLabel)),
    ...(port === undefined ? [] : portNumber(port).map((problem) => invalid(child(path, "port"), port, problem))),
    ...(appProtocol === undefined ? [] : checked(child(path, "appProtocol"), appProtocol, qualifiedName)),
  ];
}

export function checkEndpointSlice(slice: EndpointSlice, { old }: CheckContext<EndpointSlice>): readonly FieldError[] {
  const { addressType, endpoints, ports } = slice;
  const names = new Set<string>();
  const errors: FieldError[] = [];
  if (addressType === "") errors.push(required("addressType"));
  else if (!types.includes(addressType)) errors.push(notSupported("addressType", addressType, types));
  if (endpoints.length > endpointsMax) errors.push(tooMany("endpoints", endpoints.length, endpointsMax));
  if (ports.length > portsMax) errors.push(tooMany("ports", ports.length, portsMax));
  return [
    ...errors,
    ...each("endpoints", endpoints, (path, endpoint) => checkEndpoint(path, endpoint, addressType)),
    ...each("ports", ports, (path, port) => {
      const { name = "" } = port;
      const repeated = names.has(name) ? [duplicate(child(path, "name"), name)] : [];
      names.add(name);
      return [...checkSlicePort(path, port), ...repeated];
    }),
    ...(old ? checkImmutable("addressType", addressType, old.addressType) : []),
  ];
}
