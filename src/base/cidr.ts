/** IPv4 networks: enough to hand out addresses. IPv6 text is recognised, not counted. */

export interface Cidr {
  /** The network address as a number below 2^32. */
  readonly base: number;
  readonly prefixLength: number;
}

/** The number behind dotted text; undefined when it is no IPv4 address. */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    const octet = Number(part);
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || octet > 255) return undefined;
    value = value * 256 + octet;
  }
  return value;
}

export function formatIpv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}

/** Undefined when the text is no IPv4 network. Host bits are dropped. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = "", prefix = ""] = text.split("/");
  const value = parseIpv4(address);
  const prefixLength = Number(prefix);
  if (value === undefined || !/^\d{1,2}$/.test(prefix) || prefixLength > 32) return undefined;
  const size = 2 ** (32 - prefixLength);
  return { base: Math.floor(value / size) * size, prefixLength };
}

export function cidrSize(cidr: Cidr): number {
  return 2 ** (32 - cidr.prefixLength);
}

export function cidrContains(cidr: Cidr, address: number): boolean {
  return address >= cidr.base && address < cidr.base + cidrSize(cidr);
}

export function formatCidr(cidr: Cidr): string {
  return `${formatIpv4(cidr.base)}/${cidr.prefixLength}`;
}
