/** Reads certificate signing requests (PKCS #10, RFC 2986) and checks that who asks owns the key. */
import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { textOf } from "#base/bytes.ts";
import { own } from "#base/own.ts";
import { addressText } from "./address.ts";
import { type DerValue, decodeAll, inside, oidText, tags } from "./der.ts";
import { type NameFacts, readName } from "./name.ts";
import { pemBlocks } from "./pem.ts";

/** What a request says. None of its bytes are kept: a certificate is written anew from what was read. */
export interface SigningRequest {
  readonly subject: NameFacts;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly emailAddresses: readonly string[];
  readonly uris: readonly string[];
  readonly publicKey: KeyObject;
}

const requestSizeMax = 64 * 1024;

const extensionRequest = "1.2.840.113549.1.9.14";
const subjectAltName = "2.5.29.17";

const hashes: Readonly<Record<string, string | null>> = {
  "1.2.840.10045.4.3.2": "sha256",
  "1.2.840.10045.4.3.3": "sha384",
  "1.2.840.10045.4.3.4": "sha512",
  "1.2.840.113549.1.1.11": "sha256",
  "1.2.840.113549.1.1.12": "sha384",
  "1.2.840.113549.1.1.13": "sha512",
  "1.3.101.112": null,
};

/** @throws Error when it is not one PEM request, or not signed with the key it is about. */
export function readRequest(pem: string): SigningRequest {
  if (pem.length > requestSizeMax) throw new Error(`expected a signing request of at most ${requestSizeMax} bytes`);
  const [bytes] = pemBlocks(pem, "CERTIFICATE REQUEST");
  if (!bytes) throw new Error("expected a PEM block of type CERTIFICATE REQUEST, found none");
  try {
    return parse(bytes);
  } catch (error) {
    throw new Error("expected a signing request that can be read", { cause: error });
  }
}

function parse(bytes: Uint8Array): SigningRequest {
  const [info, algorithm, signature] = inside(decodeAll(bytes)[0], tags.sequence);
  const [, subject, publicKey, attributes] = inside(info, tags.sequence);
  const [algorithmId] = inside(algorithm, tags.sequence);
  if (!info || !subject || !publicKey || !algorithmId || !signature) throw new Error("found parts missing");
  const key = createPublicKey({ key: Buffer.from(publicKey.raw), format: "der", type: "spki" });
  checkKey(key);
  checkSignature(info.raw, { algorithm: oidText(algorithmId.content), bits: signature.content.subarray(1), key });
  const names = attributes && requestedNames(attributes);
  const general = names ? inside(decodeAll(names)[0], tags.sequence) : [];
  const texts = (tag: number): string[] =>
    general.filter((name) => name.tag === tag).map((name) => textOf(name.content));
  return {
    subject: readName(subject),
    emailAddresses: texts(0x81),
    dnsNames: texts(0x82),
    uris: texts(0x86),
    ipAddresses: general.filter((name) => name.tag === 0x87).map(({ content }) => ipAddress(content)),
    publicKey: key,
  };
}

const curves: ReadonlySet<string> = new Set(["prime256v1", "secp384r1", "secp521r1"]);
const rsaBitsMin = 2048;
// Verifying with a longer one takes longer than a request is worth.
const rsaBitsMax = 8192;

function checkKey({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): void {
  const { namedCurve = "", modulusLength = 0 } = details ?? {};
  const good =
    type === "ed25519" ||
    (type === "ec" && curves.has(namedCurve)) ||
    (type === "rsa" && modulusLength >= rsaBitsMin && modulusLength <= rsaBitsMax);
  if (good) return;
  const found = `${type} ${namedCurve}${modulusLength > 0 ? modulusLength : ""}`.trim();
  throw new Error(
    `expected a key of kind EC (P-256, P-384, P-521), RSA (${rsaBitsMin} to ${rsaBitsMax} bits) or Ed25519, found "${found}"`,
  );
}

interface Signature {
  readonly algorithm: string;
  readonly bits: Uint8Array;
  readonly key: KeyObject;
}

function checkSignature(signed: Uint8Array, { algorithm, bits, key }: Signature): void {
  const hash = own(hashes, algorithm);
  if (hash === undefined) {
    throw new Error(`expected a signature of ECDSA, RSA (with SHA-256 or longer) or Ed25519, found ${algorithm}`);
  }
  if (!verify(hash, signed, key, bits)) throw new Error("expected a signature made with the request's own key");
}

function ipAddress(bytes: Uint8Array): string {
  if (bytes.length !== 4 && bytes.length !== 16)
    throw new Error(`expected an IP address of 4 or 16 bytes, found ${bytes.length}`);
  return addressText(bytes);
}

/** The value of the subject alternative name among the requested extensions. */
function requestedNames(attributes: DerValue): Uint8Array | undefined {
  for (const attribute of decodeAll(attributes.content)) {
    const [type, values] = inside(attribute, tags.sequence);
    if (!type || oidText(type.content) !== extensionRequest) continue;
    for (const extension of inside(inside(values, tags.set)[0], tags.sequence)) {
      const parts = inside(extension, tags.sequence);
      if (parts[0] && oidText(parts[0].content) === subjectAltName) return parts.at(-1)?.content;
    }
  }
  return undefined;
}
