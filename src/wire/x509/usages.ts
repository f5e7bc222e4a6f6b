/** What a certificate may be used for, in the words of the CertificateSigningRequest API, and as X.509 writes it. */
import * as der from "./der.ts";

// Bit numbers of RFC 5280, section 4.2.1.3.
const keyUsageBits = {
  signing: 0,
  "digital signature": 0,
  "content commitment": 1,
  "key encipherment": 2,
  "data encipherment": 3,
  "key agreement": 4,
  "cert sign": 5,
  "crl sign": 6,
  "encipher only": 7,
  "decipher only": 8,
} as const;

const extendedUsages = {
  any: "2.5.29.37.0",
  "server auth": "1.3.6.1.5.5.7.3.1",
  "client auth": "1.3.6.1.5.5.7.3.2",
  "code signing": "1.3.6.1.5.5.7.3.3",
  "email protection": "1.3.6.1.5.5.7.3.4",
  "s/mime": "1.3.6.1.5.5.7.3.4",
  "ipsec end system": "1.3.6.1.5.5.7.3.5",
  "ipsec tunnel": "1.3.6.1.5.5.7.3.6",
  "ipsec user": "1.3.6.1.5.5.7.3.7",
  timestamping: "1.3.6.1.5.5.7.3.8",
  "ocsp signing": "1.3.6.1.5.5.7.3.9",
  "microsoft sgc": "1.3.6.1.4.1.311.10.3.3",
  "netscape sgc": "2.16.840.1.113730.4.1",
} as const;

type KeyUsage = keyof typeof keyUsageBits;
type ExtendedUsage = keyof typeof extendedUsages;

/** A name that is not in this union does not compile: a usage that is dropped would widen the certificate. */
export type CertificateUsage = KeyUsage | ExtendedUsage;

function isKeyUsage(usage: CertificateUsage): usage is KeyUsage {
  return Object.hasOwn(keyUsageBits, usage);
}

/** The value of the key usage extension; undefined when none of these usages is of that kind. */
export function keyUsageOf(usages: readonly CertificateUsage[]): Uint8Array | undefined {
  const known = usages.filter(isKeyUsage);
  if (known.length === 0) return undefined;
  let bits = 0;
  for (const usage of known) bits |= 0x8000 >> keyUsageBits[usage];
  const bytes = (bits & 0xff) === 0 ? Uint8Array.of(bits >> 8) : Uint8Array.of(bits >> 8, bits & 0xff);
  const last = bytes.at(-1) ?? 0;
  // Trailing zero bits are not part of the value.
  return der.bitString(bytes, last === 0 ? 0 : 31 - Math.clz32(last & -last));
}

/** The value of the extended key usage extension; undefined when none of these usages is of that kind. */
export function extendedKeyUsageOf(usages: readonly CertificateUsage[]): Uint8Array | undefined {
  const found = usages.flatMap((usage) => (isKeyUsage(usage) ? [] : [extendedUsages[usage]]));
  return found.length === 0 ? undefined : der.sequence(...found.map(der.oid));
}
