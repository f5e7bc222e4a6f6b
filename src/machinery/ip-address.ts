/** IP addresses and ranges as texts: reading them, and saying what is wrong with them in upstream's sentences. */
import { invalid, type FieldError } from "./field-error.ts";

export interface IpAddress {
  readonly family: 4 | 6;
  readonly value: bigint;
}

export interface IpRange {
  /** Of the text, which may have bits beyond the prefix. */
  readonly address: IpAddress;
  readonly prefixBits: number;
}

const partDigitsMax = 10;
const [zero, nine, dot] = [0x30, 0x39, 0x2e];

/** Character by character: an object may have sixty thousand of them. */
function numberOfV4(text: string): number | undefined {
  let [value, part, digits, dots] = [0, 0, 0, 0];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === dot) {
      if (digits === 0 || dots === 3) return undefined;
      value = value * 256 + part;
      [part, digits] = [0, 0];
      dots += 1;
      continue;
    }
    // Leading zeros were always allowed and always decimal.
    part = part * 10 + code - zero;
    digits += 1;
    if (code < zero || code > nine || digits > partDigitsMax || part > 255) return undefined;
  }
  return digits === 0 || dots !== 3 ? undefined : value * 256 + part;
}

function parseV4(text: string): bigint | undefined {
  const value = numberOfV4(text);
  return value === undefined ? undefined : BigInt(value);
}

function groups(text: string): readonly bigint[] | undefined {
  if (text === "") return [];
  const found: bigint[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    if (part.includes(".") && index === parts.length - 1) {
      const v4 = parseV4(part);
      if (v4 === undefined) return undefined;
      found.push(v4 >> 16n, v4 & 0xffffn);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) found.push(BigInt(`0x${part}`));
    else return undefined;
  }
  return found;
}

function parseV6(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = groups(halves[0] ?? "");
  const tail = halves.length === 2 ? groups(halves[1] ?? "") : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const all = [...head, ...Array.from({ length: missing }, () => 0n), ...tail];
  return all.reduce((value, group) => (value << 16n) | group, 0n);
}

const mappedPrefix = 0xffffn << 32n;

/** Undefined when the text is no address. An IPv4 address in IPv6 form is an IPv4 address. */
export function parseIp(text: string): IpAddress | undefined {
  const v4 = parseV4(text);
  if (v4 !== undefined) return { family: 4, value: v4 };
  const v6 = text.includes(":") ? parseV6(text) : undefined;
  if (v6 === undefined) return undefined;
  return v6 >> 32n === mappedPrefix >> 32n ? { family: 4, value: v6 & 0xffffffffn } : { family: 6, value: v6 };
}

/** "10.0.0.0/8"; undefined when the text is no range. */
export function parseIpRange(text: string): IpRange | undefined {
  const slash = text.indexOf("/");
  const address = parseIp(text.slice(0, Math.max(slash, 0)));
  const bits = text.slice(slash + 1);
  if (slash < 0 || address === undefined || !/^\d{1,3}$/.test(bits)) return undefined;
  const prefixBits = Number(bits);
  return prefixBits <= bitsOf(address) ? { address, prefixBits } : undefined;
}

function bitsOf(address: IpAddress): number {
  return address.family === 4 ? 32 : 128;
}

/** Whether a range holds an address. */
export function rangeHolds({ address, prefixBits }: IpRange, inner: IpAddress): boolean {
  if (address.family !== inner.family) return false;
  const shift = BigInt(bitsOf(address) - prefixBits);
  return address.value >> shift === inner.value >> shift;
}

export function checkIp(path: string, text: string): FieldError[] {
  if (parseIp(text)) return [];
  return [invalid(path, text, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")];
}

export function checkIpRange(path: string, text: string): FieldError[] {
  if (parseIpRange(text)) return [];
  return [invalid(path, text, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")];
}

function ranges(...texts: readonly string[]): readonly IpRange[] {
  return texts.map(parseIpRange).filter((range) => range !== undefined);
}

const unusable: readonly (readonly [readonly IpRange[], string])[] = [
  [ranges("127.0.0.0/8", "::1/128"), "may not be in the loopback range (127.0.0.0/8, ::1/128)"],
  [ranges("169.254.0.0/16", "fe80::/10"), "may not be in the link-local range (169.254.0.0/16, fe80::/10)"],
  [ranges("224.0.0.0/24", "ff02::/16"), "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"],
];

/** The same for IPv4, each by its first and last address. */
const unusableV4 = unusable.flatMap(([taken]) =>
  taken.flatMap(({ address, prefixBits }) =>
    address.family === 4 ? [[Number(address.value), Number(address.value) + 2 ** (32 - prefixBits) - 1] as const] : [],
  ),
);

/** True for an IPv4 address that `checkEndpointIp` finds nothing wrong with. */
export function isEndpointV4(text: string): boolean {
  const value = numberOfV4(text);
  if (value === undefined || value === 0) return false;
  return !unusableV4.some(([first, last]) => value >= first && value <= last);
}

/** What is wrong with an address as that of an endpoint, which others must be able to reach. @param ip The address, if it was read before. */
export function checkEndpointIp(path: string, text: string, ip = parseIp(text)): FieldError[] {
  if (ip === undefined) return [invalid(path, text, "must be a valid IP address")];
  if (ip.value === 0n) return [invalid(path, text, `may not be unspecified (${text})`)];
  return unusable
    .filter(([taken]) => taken.some((range) => rangeHolds(range, ip)))
    .map(([, sentence]) => invalid(path, text, sentence));
}
