/**
 * X.509 certificates: issue, read, verify, and answer signing requests. Written on node:crypto and a small DER codec,
 * because a server that starts for the first time issues a dozen at once.
 *
 * @see https://www.rfc-editor.org/rfc/rfc5280
 * @see https://www.rfc-editor.org/rfc/rfc2986
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from "node:crypto";
import { isIP } from "node:net";
import { utf8 } from "#base/bytes.ts";
import { addressBytes, addressText } from "./x509/address.ts";
import * as der from "./x509/der.ts";
import { pemBlocks, toPem } from "./x509/pem.ts";
import { onlyCommonName, type Subject, subjectOf, writeName } from "./x509/name.ts";
import type { SigningRequest } from "./x509/request.ts";
import { type CertificateUsage, extendedKeyUsageOf, keyUsageOf } from "./x509/usages.ts";

export type { NameFacts, Subject } from "./x509/name.ts";
export { readRequest, type SigningRequest } from "./x509/request.ts";
export type { CertificateUsage } from "./x509/usages.ts";

/** Both in PEM. The key is PKCS #8; the certificate may be followed by those of its issuers. */
export interface CertifiedKey {
  readonly certificate: string;
  readonly key: string;
}

export interface Validity {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface CaOptions extends Validity {
  readonly commonName: string;
  /** An existing key in PEM. */
  readonly key?: string;
}

export interface LeafOptions extends Validity {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  readonly usages: readonly LeafUsage[];
  /** DNS names and IP addresses. */
  readonly names?: readonly string[];
  /** An existing key in PEM, to renew a certificate and keep its key. */
  readonly key?: string;
}

export type LeafUsage = "client" | "server";

export interface RequestOptions {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  /** DNS names and IP addresses. */
  readonly names?: readonly string[];
}

/** What a signer grants a request: all that its certificate will say. Of the request itself only the key is taken. */
export interface GrantOptions extends Validity {
  readonly subject: Subject;
  /** DNS names and IP addresses. */
  readonly names: readonly string[];
  readonly usages: readonly CertificateUsage[];
}

export interface CertificateFacts extends Validity {
  readonly commonName: string;
  readonly organizations: readonly string[];
  /** DNS names and IP addresses. */
  readonly names: readonly string[];
  readonly isCa: boolean;
}

const oids = {
  subjectKeyId: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyId: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  extensionRequest: "1.2.840.113549.1.9.14",
} as const;

/** A new private key on P-256, PKCS #8 in PEM. */
export function newKey(): string {
  return pemOfKey(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
}

/** A self-signed CA, with a new key unless one is given. */
export function issueCa(options: CaOptions): CertifiedKey {
  const key = createPrivateKey(options.key ?? newKey());
  const subject = writeName({ commonName: options.commonName, organizations: [] });
  const publicKey = spkiOf(createPublicKey(key));
  const extensions = [
    ...usageExtensions(["digital signature", "key encipherment", "cert sign"]),
    extension(oids.basicConstraints, der.sequence(der.boolean(true)), true),
    extension(oids.subjectKeyId, der.octetString(keyId(publicKey))),
  ];
  const body = { subject, issuer: subject, publicKey, extensions, validity: options };
  return { certificate: certificate(body, key), key: pemOfKey(key) };
}

/** A certificate for a client, a server, or both, signed by `ca`. */
export function issue(ca: CertifiedKey, options: LeafOptions): CertifiedKey {
  const key = createPrivateKey(options.key ?? newKey());
  const { commonName, organizations = [], names = [], notBeforeMs, notAfterMs } = options;
  const usages = options.usages.map((usage) => `${usage} auth` as const);
  const certificate = signLeaf(ca, createPublicKey(key), {
    subject: { commonName, organizations },
    names,
    usages: ["digital signature", "key encipherment", ...usages],
    notBeforeMs,
    notAfterMs,
  });
  return { certificate, key: pemOfKey(key) };
}

/** A signing request for the owner of a private key, both in PEM. */
export function createRequest(keyPem: string, options: RequestOptions): string {
  const key = createPrivateKey(keyPem);
  const { algorithm, hash } = signatureOf(key);
  const names = (options.names ?? []).map(generalName);
  const extensions = der.sequence(extension(oids.subjectAltName, der.sequence(...names)));
  const attribute = der.sequence(der.oid(oids.extensionRequest), der.encode(der.tags.set, extensions));
  const body = der.sequence(
    der.integer(Uint8Array.of(0)),
    writeName({ commonName: options.commonName, organizations: options.organizations ?? [] }),
    spkiOf(createPublicKey(key)),
    der.context(0, ...(names.length === 0 ? [] : [attribute])),
  );
  return toPem("CERTIFICATE REQUEST", der.sequence(body, algorithm, der.bitString(sign(hash, body, key))));
}

/** A certificate in PEM for the key of a signing request. Nothing else of the request comes into it. */
export function signRequest(ca: CertifiedKey, request: SigningRequest, grant: GrantOptions): string {
  return signLeaf(ca, request.publicKey, grant);
}

/** @throws Error when the text holds no certificate, or one whose subject has several common names. */
export function readCertificate(pem: string): CertificateFacts {
  const read = new X509Certificate(pem);
  const subject = subjectOf(read.raw);
  return {
    commonName: subject.commonNames.length === 0 ? "" : onlyCommonName(subject),
    organizations: subject.organizations,
    names: alternativeNames(read.subjectAltName ?? ""),
    notBeforeMs: read.validFromDate.getTime(),
    notAfterMs: read.validToDate.getTime(),
    isCa: read.ca,
  };
}

/** A name as `readCertificate` writes it: IPv6 addresses have many forms. */
export function canonicalName(name: string): string {
  // An address with a zone is none that a certificate can hold.
  return isIP(name) === 6 && !name.includes("%") ? addressText(addressBytes(name)) : name;
}

/** True when a certificate of `caPem` signed the first one of `pem` and both are valid at `nowMs`. */
export function isSignedBy(pem: string, caPem: string, nowMs: number): boolean {
  const leaf = new X509Certificate(pem);
  const valid = (one: X509Certificate): boolean =>
    one.validFromDate.getTime() <= nowMs && nowMs < one.validToDate.getTime();
  return pemBlocks(caPem, "CERTIFICATE")
    .map((bytes) => new X509Certificate(bytes))
    .some((ca) => ca.ca && valid(ca) && valid(leaf) && leaf.checkIssued(ca) && leaf.verify(ca.publicKey));
}

/** True when the key belongs to the first certificate. */
export function matches({ certificate, key }: CertifiedKey): boolean {
  return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
}

function signLeaf(ca: CertifiedKey, publicKey: KeyObject, grant: GrantOptions): string {
  const issuer = issuerOf(ca.certificate);
  const subject = writeName(grant.subject);
  const extensions = [
    ...usageExtensions(grant.usages),
    extension(oids.basicConstraints, der.sequence(), true),
    extension(oids.authorityKeyId, der.sequence(der.encode(0x80, issuer.keyId))),
  ];
  if (grant.names.length > 0) {
    // RFC 5280: critical when there is no subject beside it.
    const names = der.sequence(...grant.names.map(generalName));
    extensions.push(extension(oids.subjectAltName, names, subject.length === 2));
  }
  const body = { subject, issuer: issuer.subject, publicKey: spkiOf(publicKey), extensions, validity: grant };
  return certificate(body, createPrivateKey(ca.key));
}

function usageExtensions(usages: readonly CertificateUsage[]): Uint8Array[] {
  const [keyUsage, extended] = [keyUsageOf(usages), extendedKeyUsageOf(usages)];
  return [
    ...(keyUsage ? [extension(oids.keyUsage, keyUsage, true)] : []),
    ...(extended ? [extension(oids.extendedKeyUsage, extended)] : []),
  ];
}

/** True for text in PEM from which a certificate can be read. */
export function isCertificate(pem: string): boolean {
  try {
    readCertificate(pem);
    return true;
  } catch {
    return false; // What OpenSSL says of it helps nobody.
  }
}

/** True for text in PEM from which a private key can be read. */
export function isPrivateKey(pem: string): boolean {
  try {
    createPrivateKey(pem);
    return true;
  } catch {
    return false; // What OpenSSL says of it helps nobody.
  }
}

interface Body {
  readonly subject: Uint8Array;
  readonly issuer: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly extensions: readonly Uint8Array[];
  readonly validity: Validity;
}

function certificate({ subject, issuer, publicKey, extensions, validity }: Body, key: KeyObject): string {
  const { algorithm, hash } = signatureOf(key);
  const serial = randomBytes(16);
  // Positive and without leading zeros.
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const body = der.sequence(
    der.context(0, der.integer(Uint8Array.of(2))),
    der.integer(serial),
    algorithm,
    issuer,
    der.sequence(der.time(validity.notBeforeMs), der.time(validity.notAfterMs)),
    subject,
    publicKey,
    der.context(3, der.sequence(...extensions)),
  );
  const signature = sign(hash, body, key);
  return toPem("CERTIFICATE", der.sequence(body, algorithm, der.bitString(signature)));
}

interface SignatureKind {
  readonly algorithm: Uint8Array;
  readonly hash: string | null;
}

function signatureOf(key: KeyObject): SignatureKind {
  const type = key.asymmetricKeyType;
  if (type === "ed25519") return { algorithm: der.sequence(der.oid("1.3.101.112")), hash: null };
  if (type === "rsa") {
    return { algorithm: der.sequence(der.oid("1.2.840.113549.1.1.11"), Uint8Array.of(5, 0)), hash: "sha256" };
  }
  if (type !== "ec") throw new Error(`expected a CA key of kind EC, RSA or Ed25519, found "${type}"`);
  return key.asymmetricKeyDetails?.namedCurve === "secp384r1"
    ? { algorithm: der.sequence(der.oid("1.2.840.10045.4.3.3")), hash: "sha384" }
    : { algorithm: der.sequence(der.oid("1.2.840.10045.4.3.2")), hash: "sha256" };
}

/** Subject and key identifier of the CA's first certificate, as its leaves must repeat them. */
function issuerOf(caPem: string): { readonly subject: Uint8Array; readonly keyId: Uint8Array } {
  const read = new X509Certificate(caPem);
  const [body] = der.inside(der.decodeAll(read.raw)[0], der.tags.sequence);
  const fields = der.inside(body, der.tags.sequence);
  // version, serial, algorithm, issuer, validity, subject, key, …; then [3] with the extensions.
  const subject = fields[5]?.raw;
  if (!subject) throw new Error("expected a CA certificate of version 3, found an older one");
  const extensions = fields.find(({ tag }) => tag === 0xa3);
  for (const { content } of extensions ? der.inside(der.decodeAll(extensions.content)[0], der.tags.sequence) : []) {
    const parts = der.decodeAll(content);
    const value = parts.at(-1);
    if (parts[0] && value && der.oidText(parts[0].content) === oids.subjectKeyId) {
      return { subject, keyId: der.decodeAll(value.content)[0]?.content ?? new Uint8Array() };
    }
  }
  return { subject, keyId: keyId(spkiOf(read.publicKey)) };
}

function extension(type: string, value: Uint8Array, critical = false): Uint8Array {
  const flag = critical ? [der.boolean(true)] : [];
  return der.sequence(der.oid(type), ...flag, der.octetString(value));
}

function generalName(name: string): Uint8Array {
  return isIP(name) === 0 ? der.encode(0x82, utf8(name)) : der.encode(0x87, addressBytes(name));
}

function alternativeNames(text: string): string[] {
  const names = text.split(", ").flatMap((entry) => /^(?:DNS|IP Address):(.*)$/.exec(entry)?.[1] ?? []);
  return names.map(canonicalName);
}

function spkiOf(key: KeyObject): Uint8Array {
  return key.export({ type: "spki", format: "der" });
}

/** RFC 5280's first method: SHA-1 of the public key's bits. */
function keyId(spki: Uint8Array): Uint8Array {
  const [, bits] = der.inside(der.decodeAll(spki)[0], der.tags.sequence);
  return createHash("sha1")
    .update(bits?.content.subarray(1) ?? spki)
    .digest();
}

function pemOfKey(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" });
}
