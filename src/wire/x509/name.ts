/**
 * Distinguished names: whom a certificate or a request is about. Everything that reads a common name reads it here, so
 * that no two readers disagree about a name that has several.
 *
 * @see https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.4
 */
import * as der from "./der.ts";

/** A subject as kedge writes it: exactly these attributes. */
export interface Subject {
  readonly commonName: string;
  readonly organizations: readonly string[];
}

/** Everything that stands in a name. */
export interface NameFacts {
  readonly commonNames: readonly string[];
  readonly organizations: readonly string[];
  /** Object identifiers of attributes that are neither. */
  readonly others: readonly string[];
}

const oids = { commonName: "2.5.4.3", organization: "2.5.4.10" } as const;

// UTF8String, PrintableString, IA5String. Other encodings could be read as another name by somebody else.
const textTags: ReadonlySet<number> = new Set([0x0c, 0x13, 0x16]);

/** @throws Error when a name or organization is in an encoding that is not read here. */
export function readName(name: der.DerValue): NameFacts {
  const facts = { commonNames: [] as string[], organizations: [] as string[], others: [] as string[] };
  for (const set of der.inside(name, der.tags.sequence))
    for (const pair of der.inside(set, der.tags.set)) {
      const [type, value] = der.inside(pair, der.tags.sequence);
      const oid = der.oidText(type?.content ?? new Uint8Array());
      if (oid === oids.commonName) facts.commonNames.push(textOfAttribute(value));
      else if (oid === oids.organization) facts.organizations.push(textOfAttribute(value));
      else facts.others.push(oid);
    }
  return facts;
}

/** The subject of a certificate in DER. @throws DerError, or Error as `readName` */
export function subjectOf(certificate: Uint8Array): NameFacts {
  const [body] = der.inside(der.decodeAll(certificate)[0], der.tags.sequence);
  const fields = der.inside(body, der.tags.sequence);
  // Version 1 has no field for the version, which is [0].
  const subject = fields[fields[0]?.tag === 0xa0 ? 5 : 4];
  if (!subject) throw new der.DerError("expected a certificate with a subject, found none");
  return readName(subject);
}

/** The one common name there is. @throws Error when there is none, or more than one. */
export function onlyCommonName({ commonNames }: NameFacts): string {
  const [commonName, ...more] = commonNames;
  if (commonName === undefined || commonName === "" || more.length > 0)
    throw new Error(`expected a subject with one common name, found ${commonName ? commonNames.length : "none"}`);
  return commonName;
}

export function writeName({ commonName, organizations }: Subject): Uint8Array {
  const attribute = (type: string, text: string): Uint8Array => der.sequence(der.oid(type), der.utf8String(text));
  const parts: Uint8Array[] = [];
  if (organizations.length > 0) {
    // One set of several values, as Go writes it; a SET OF is sorted by its bytes.
    const values = organizations.map((name) => attribute(oids.organization, name));
    parts.push(der.encode(der.tags.set, ...values.sort((one, other) => Buffer.compare(one, other))));
  }
  if (commonName !== "") parts.push(der.encode(der.tags.set, attribute(oids.commonName, commonName)));
  return der.sequence(...parts);
}

function textOfAttribute(value: der.DerValue | undefined): string {
  if (!value || !textTags.has(value.tag))
    throw new Error(`expected text in UTF-8 or ASCII in a subject, found ASN.1 tag ${value?.tag ?? "none"}`);
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value.content);
  if (text.includes("\0")) throw new Error("expected text without NUL in a subject, found one");
  return text;
}
