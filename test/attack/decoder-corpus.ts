/** Small good inputs of everything that kedge reads from strangers, most of them made by the code that reads them. */
import { encode } from "dns-packet";
import { decode } from "#machinery/decode.ts";
import { encodeObject } from "#machinery/protobuf.ts";
import type { JsonObject } from "#machinery/shape.ts";
import { catalogue } from "#resources/catalogue.ts";
import { JwtSigner } from "#wire/jwt.ts";
import { createRequest, issueCa, newKey } from "#wire/x509.ts";
import { formatYaml } from "#wire/yaml.ts";
import { validObjects } from "./valid-objects.ts";

export const binary = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
export const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1");

export const wholeObjects: readonly JsonObject[] = catalogue
  .filter(({ kind }) => Object.hasOwn(validObjects, kind))
  .map(({ apiVersion, kind }) => ({
    apiVersion,
    kind,
    metadata: { name: "x", namespace: "attack", labels: { app: "a" }, annotations: { "a/b": "c" } },
    ...validObjects[kind],
  }));

export const jsonTexts = wholeObjects.map((object) => JSON.stringify(object));
export const yamlTexts = [
  ...wholeObjects.map((object) => formatYaml(object)),
  "a: &x [1, 2]\nb: *x\nc: !!str 3\nd: |\n  text\n  more\ne: >-\n  folded\n? complex\n: value\n",
  "---\na: 1\n---\nb: {c: [d, 'e', \"f\\n\"]}\n...\n# comment\n",
  "<<: {a: 1}\nb: 2001-01-01T00:00:00Z\nc: 0o17\nd: .inf\ne: ~\n",
];

/** One protobuf body for each kind. */
export const protobufBodies = catalogue
  .filter(({ kind }) => Object.hasOwn(validObjects, kind))
  .map((definition) => {
    const { apiVersion, kind, shape } = definition;
    const { object } = decode(shape, { metadata: { name: "x", labels: { a: "b" } }, ...validObjects[kind] });
    return { definition, body: binary(encodeObject(shape, { ...object, apiVersion, kind })) };
  });

export const dnsQueries = [
  { name: "web.default.svc.cluster.local", type: "A" },
  { name: "_http._tcp.web.default.svc.cluster.local", type: "SRV" },
  { name: "1.0.43.10.in-addr.arpa", type: "PTR" },
  { name: "example.com", type: "AAAA" },
].map(({ name, type }) =>
  binary(
    encode({
      type: "query",
      id: 7,
      flags: 1 << 8,
      // Holds because the types above are names of DNS types.
      questions: [{ name, type: type as "A" }],
      additionals: [
        {
          type: "OPT",
          name: ".",
          udpPayloadSize: 1_232,
          flags: 0,
          options: [],
          extendedRcode: 0,
          ednsVersion: 0,
          flag_do: false,
        },
      ],
    }),
  ),
);

const key = newKey();
export const signer = new JwtSigner(key);
export const tokens = [
  signer.sign({
    iss: "https://kubernetes.default.svc",
    sub: "system:serviceaccount:a:b",
    aud: ["a"],
    exp: 4_000_000_000,
  }),
  signer.sign({}),
  `${Buffer.from('{"alg":"none"}').toString("base64url")}.${Buffer.from('{"sub":"admin"}').toString("base64url")}.`,
];

const always = { notBeforeMs: 0, notAfterMs: 4_000_000_000_000 };
export const ca = issueCa({ commonName: "attack", ...always });
export const requests = [
  createRequest(key, {
    commonName: "system:node:n1",
    organizations: ["system:nodes"],
    names: ["n1", "10.0.0.1", "::1"],
  }),
  createRequest(key, { commonName: "eve" }),
];
export const certificates = [ca.certificate];

/** The bytes inside of a PEM block. */
export function derOf(pem: string): string {
  return binary(Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ""), "base64"));
}

/** A PEM block around bytes. */
export function pemOf(der: string, label: string): string {
  return `-----BEGIN ${label}-----\n${bytesOf(der).toString("base64")}\n-----END ${label}-----\n`;
}
