/** Reads certificate signing requests (PKCS #10, RFC 2986) and checks that who asks owns the key. */
import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { textOf } from "#base/bytes.ts";
import { addressText } from "./address.ts";
import { type DerValue, decodeAll, inside, oidText, tags } from "./der.ts";
import { pemBlocks } from "./pem.ts";

export interface SigningRequest {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly emailAddresses: readonly string[];
  readonly uris: readonly string[];
  /** DER as it stands in the request, to be copied into the certificate. */
  readonly subject: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly alternativeNames: Uint8Array | undefined;
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
  checkSignature(info.raw, { algorithm: oidText(algorithmId.content), bits: signature.content.subarray(1), key });
  const names = attributes && requestedNames(attributes);
  const general = names ? inside(decodeAll(names)[0], tags.sequence) : [];
  const texts = (tag: number): string[] =>
    general.filter((name) => name.tag === tag).map((name) => textOf(name.content));
  const attribute = subjectAttributes(subject);
  return {
    commonName: attribute("2.5.4.3").at(-1) ?? "",
    organizations: attribute("2.5.4.10"),
    emailAddresses: texts(0x81),
    dnsNames: texts(0x82),
    uris: texts(0x86),
    ipAddresses: general.filter((name) => name.tag === 0x87).map((name) => addressText(name.content)),
    subject: subject.raw,
    publicKey: publicKey.raw,
    alternativeNames: names,
  };
}

interface Signature {
  readonly algorithm: string;
  readonly bits: Uint8Array;
  readonly key: KeyObject;
}

function checkSignature(signed: Uint8Array, { algorithm, bits, key }: Signature): void {
  const hash = hashes[algorithm];
  if (hash === undefined) {
    throw new Error(`expected a signature of ECDSA, RSA (with SHA-256 or longer) or Ed25519, found ${algorithm}`);
  }
  if (!verify(hash, signed, key, bits)) throw new Error("expected a signature made with the request's own key");
}

function subjectAttributes(subject: DerValue): (type: string) => string[] {
  const pairs = inside(subject, tags.sequence).flatMap((set) =>
    inside(set, tags.set).map((pair) => {
      const [type, value] = inside(pair, tags.sequence);
      return { type: oidText(type?.content ?? new Uint8Array()), value: value ? textOf(value.content) : "" };
    }),
  );
  return (type) => pairs.filter((pair) => pair.type === type).map(({ value }) => value);
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
