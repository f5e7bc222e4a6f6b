/**
 * Where the API server connects to for its clients. Addresses stand in objects that others write, a node's in its own
 * status and a pod's in what its node says, so none of them leads back to this machine or to a service.
 *
 * Addresses are literal: no name is looked up, so what was checked is what is dialled.
 */
import { BlockList, isIP } from "node:net";
import { networkInterfaces } from "node:os";

export interface Destination {
  readonly address: string;
  readonly port: number;
  /** The node that the address is said to be on; "" when nothing says so. */
  readonly nodeName: string;
}

export interface DestinationOptions {
  /** The node in this process, whose pods may have addresses of this machine. */
  readonly nodeName: string;
  readonly serviceCidr: string;
  readonly apiPort: () => number;
  /** Addresses of this machine now. */
  readonly ownAddresses?: () => readonly string[];
}

const forbiddenRanges = [
  ["0.0.0.0", 8, "ipv4"],
  ["127.0.0.0", 8, "ipv4"],
  ["169.254.0.0", 16, "ipv4"],
  ["224.0.0.0", 4, "ipv4"],
  ["240.0.0.0", 4, "ipv4"],
  // Unspecified, loopback, and the old way to write an IPv4 address in an IPv6 one.
  ["::", 96, "ipv6"],
  ["64:ff9b::", 96, "ipv6"],
  ["fe80::", 10, "ipv6"],
  ["ff00::", 8, "ipv6"],
] as const;

export class Destinations {
  private readonly options: DestinationOptions;
  private readonly forbidden = new BlockList();

  constructor(options: DestinationOptions) {
    this.options = options;
    for (const [base, length, family] of forbiddenRanges) this.forbidden.addSubnet(base, length, family);
    const [base = "", length = ""] = options.serviceCidr.split("/");
    this.forbidden.addSubnet(base, Number(length), isIP(base) === 6 ? "ipv6" : "ipv4");
  }

  /** Why nothing is sent there; undefined when it may be. */
  refusal({ address, port, nodeName }: Destination): string | undefined {
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    if (isIP(address) === 0 || address.includes("%")) return `expected an IP address, found ${JSON.stringify(address)}`;
    if (!Number.isInteger(port) || port < 1 || port > 65_535)
      return `expected a port between 1 and 65535, found ${port}`;
    if (this.forbidden.check(address, family))
      return `found ${address}, which is loopback, link-local, multicast, unspecified or of the service network`;
    if (!this.isOwn(address, family)) return undefined;
    const { apiPort } = this.options;
    // What runs here with the machine's own network is reached by the machine's own address.
    if (nodeName === this.options.nodeName && nodeName !== "" && port !== apiPort()) return undefined;
    return `found ${address}, which is an address of this server`;
  }

  private isOwn(address: string, family: "ipv4" | "ipv6"): boolean {
    const own = new BlockList();
    for (const one of this.options.ownAddresses?.() ?? machineAddresses()) {
      const [bare = ""] = one.split("%");
      own.addAddress(bare, isIP(bare) === 6 ? "ipv6" : "ipv4");
    }
    return own.check(address, family);
  }
}

function machineAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((addresses = []) => addresses.map(({ address }) => address));
}
