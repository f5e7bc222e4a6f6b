/** Which addresses of a node's network its pods have. */
import { cidrContains, cidrSize, formatIpv4, parseCidr, parseIpv4 } from "#base/cidr.ts";

// The network itself and its bridge.
const reservedAtStart = 2;
const reservedAtEnd = 1;

export class PodAddresses {
  // By node, then by address, the uid of the pod that has it.
  private readonly byNode = new Map<string, Map<number, string>>();

  /** The pod's address, one that it has already or the lowest that is free; undefined when there is none. */
  give(nodeName: string, network: string, uid: string): string | undefined {
    const cidr = parseCidr(network);
    if (!cidr) return undefined;
    const taken = this.byNode.get(nodeName) ?? new Map<number, string>();
    for (const [address, owner] of taken) if (owner === uid && cidrContains(cidr, address)) return formatIpv4(address);
    const end = cidr.base + cidrSize(cidr) - reservedAtEnd;
    for (let address = cidr.base + reservedAtStart; address < end; address += 1) {
      if (taken.has(address)) continue;
      this.byNode.set(nodeName, taken.set(address, uid));
      return formatIpv4(address);
    }
    return undefined;
  }

  /** The pod is there with an address that was given earlier. */
  note(nodeName: string, ip: string, uid: string): void {
    const address = parseIpv4(ip);
    if (address === undefined) return;
    const taken = this.byNode.get(nodeName) ?? new Map<number, string>();
    if (!taken.has(address)) this.byNode.set(nodeName, taken.set(address, uid));
  }

  /** The pod is gone, or has ended. */
  free(nodeName: string, uid: string): void {
    const taken = this.byNode.get(nodeName);
    if (!taken) return;
    for (const [address, owner] of taken) if (owner === uid) taken.delete(address);
    if (taken.size === 0) this.byNode.delete(nodeName);
  }
}
