/**
 * Hostile inputs for everything that reads what strangers send. Each is read, or refused in a sentence; anything else is
 * a fault, and so is more than a quarter of a second.
 */
import { machineClock } from "#base/clock.ts";
import { turnsOf } from "#base/turns.ts";
import { rmSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { parseYamlBody, readJson, readPatch } from "#apiserver/body.ts";
import { parseAccept } from "#apiserver/negotiate.ts";
import { attributesOf, understand } from "#apiserver/request-info.ts";
import { must } from "#base/assert.ts";
import { parseCidr } from "#base/cidr.ts";
import { readConfig } from "#distro/config.ts";
import { logOptionsOf } from "#kubelet/log-options.ts";
import { normalName } from "#kubelet/images.ts";
import { applyPatch, trackUpdate } from "#machinery/apply.ts";
import { parseCron } from "#machinery/cron.ts";
import { checkSchema, customKind } from "#machinery/custom-kind.ts";
import { checkBySchema } from "#machinery/custom/validate.ts";
import { decode } from "#machinery/decode.ts";
import { parseFieldSelector } from "#machinery/field-selector.ts";
import { goDurationNanos } from "#machinery/go-duration.ts";
import { parseIp, parseIpRange } from "#machinery/ip-address.ts";
import { applyJsonPatch } from "#machinery/json-patch.ts";
import { parseJsonPath } from "#machinery/json-path.ts";
import { parseLabelSelector } from "#machinery/label-selector.ts";
import { applyMergePatch } from "#machinery/merge-patch.ts";
import { decodeEnvelope, decodeMessage, encodeMessage } from "#machinery/protobuf.ts";
import { canonicalQuantity, Quantity } from "#machinery/quantity.ts";
import type { JsonObject, JsonValue } from "#machinery/shape.ts";
import { applyStrategicMerge } from "#machinery/strategic-merge.ts";
import type { Schema } from "#machinery/custom/schema.ts";
import { catalogue } from "#resources/catalogue.ts";
import type { CustomResourceDefinition } from "#resources/apiextensions/custom-resource-definition.ts";
import { JwtVerifier, uncheckedClaims } from "#wire/jwt.ts";
import { readTar } from "#wire/tar.ts";
import { isSignedBy, readCertificate } from "#wire/x509.ts";
import { readRequest } from "#wire/x509/request.ts";
import { parseYaml, parseYamlStrictly, splitYaml } from "#wire/yaml.ts";
import { Chance } from "./chance.ts";
import * as corpus from "./decoder-corpus.ts";
import { outcomeOf, type Outcome } from "./fuzzing.ts";
import { mutateByShape, mutateText, mutateValue } from "./mutations.ts";
import { dnsServer, headerBlocks, http2Connection, spdyConnection, webSocket } from "./framed-decoders.ts";

export interface DecoderTarget {
  readonly name: string;
  readonly attempt: (seed: string) => Promise<Outcome>;
}

type Read = (input: string, chance: Chance) => unknown;

function texts(name: string, inputs: readonly string[], read: Read): DecoderTarget {
  return {
    name,
    attempt: (seed) => {
      const chance = new Chance(seed);
      const input = mutateText(chance, inputs);
      return outcomeOf(() => read(input, chance));
    },
  };
}

const pod = must(
  corpus.wholeObjects.find(({ kind }) => kind === "Pod"),
  "there is a good pod",
);
const podKind = must(
  catalogue.find(({ kind }) => kind === "Pod"),
  "pods are a kind",
);

const verifier = new JwtVerifier([corpus.signer.key]);
const nowMs = 1_800_000_000_000;
const turns = turnsOf(machineClock);

const plainTexts: readonly DecoderTarget[] = [
  texts("YAML", corpus.yamlTexts, (input) => splitYaml(input).map((document) => parseYaml(document))),
  texts("YAML keys that stand twice", corpus.yamlTexts, (input) => parseYamlStrictly(input)),
  texts("YAML body", corpus.yamlTexts, (input) => parseYamlBody(Buffer.from(input), turns)),
  texts("JSON body", corpus.jsonTexts, (input) =>
    readJson({ bytes: Buffer.from(input), encoding: "json" }, podKind, turns),
  ),
  texts("quantity", ["1", "100m", "1.5Gi", "1e3", "12E", "+0.5k", "-1Ki", "0.000001"], (input) => {
    canonicalQuantity(input);
    Quantity.parse(input).toString();
  }),
  texts("duration", ["1h", "1h30m", "-1.5s", "100ms", "1us"], goDurationNanos),
  texts("cron", ["*/5 1-3 * jan,feb mon", "@every 1h", "@daily", "TZ=UTC 0 0 29 2 *", "0 0 31 2 ?"], (input) =>
    parseCron(input).nextMs(nowMs),
  ),
  texts("label selector", ["a=b,c!=d", "a in (b,c),!d", "a notin (b), e > 5", "example.com/a==b"], (input) =>
    parseLabelSelector(input).matches({ a: "b" }),
  ),
  texts("field selector", ["metadata.name=a", "spec.nodeName!=b,status.phase=c", "a\\,b=c\\=d"], parseFieldSelector),
  texts("JSON path", [".metadata.name", ".spec.items[0].a", ".a['b.c'][*]", '..a[?(@.b=="c")]'], (input) =>
    parseJsonPath(input)(pod),
  ),
  texts("addresses", ["10.0.0.1", "::1", "fe80::1%eth0", "10.0.0.0/8", "::ffff:10.0.0.1", "2001:db8::/32"], (input) => [
    parseCidr(input),
    parseIp(input),
    parseIpRange(input),
  ]),
  texts("image reference", ["a", "a/b:c", "example.com:5000/a/b@sha256:" + "0".repeat(64), "[::1]:5000/a"], normalName),
  texts("media types", ["application/json;as=Table;g=meta.k8s.io;v=v1, */*;q=0.5", "a/b;c=d;q=1"], parseAccept),
  texts("request head", requestTargets(), (input) => {
    const [path = "", query = ""] = input.split(/\?(.*)/s);
    const info = understand({ method: "GET", path, query, header: () => undefined });
    attributesOf(info, { name: "eve", groups: [] });
  }),
  texts(
    "log query",
    ["follow=true&tailLines=5&sinceSeconds=3", "sinceTime=2026-01-01T00:00:00Z&limitBytes=9"],
    (input) => logOptionsOf(new URLSearchParams(input), nowMs),
  ),
  texts("token", corpus.tokens, (input) => [verifier.verify(input, nowMs), uncheckedClaims(input)]),
  texts("signing request", corpus.requests, readRequest),
  texts("signing request in DER", corpus.requests.map(corpus.derOf), (input) =>
    readRequest(corpus.pemOf(input, "CERTIFICATE REQUEST")),
  ),
  texts("certificate in DER", corpus.certificates.map(corpus.derOf), (input) => {
    const pem = corpus.pemOf(input, "CERTIFICATE");
    readCertificate(pem);
    isSignedBy(pem, corpus.ca.certificate, nowMs);
  }),
  texts("patch text", ['[{"op":"add","path":"/a","value":1}]', '{"a":null}'], (input) =>
    readPatch(Buffer.from(input), turns),
  ),
];

function requestTargets(): readonly string[] {
  return [
    "/api/v1/namespaces/default/pods?watch=1&resourceVersion=5&allowWatchBookmarks=true&timeoutSeconds=9",
    "/apis/apps/v1/deployments?limit=500&continue=abc&labelSelector=a%3Db&fieldSelector=metadata.name%3Dx",
    "/api/v1/namespaces/a/pods/b/proxy/c/../d%2fe",
    "/api/v1/namespaces/a/pods/b/exec?command=sh&command=-c&stdin=true&tty=1",
    "/openapi/v3/apis/apps/v1?hash=0",
  ];
}

const protobuf: DecoderTarget = {
  name: "protobuf",
  attempt: (seed) => {
    const chance = new Chance(seed);
    const { definition, body } = chance.pick(corpus.protobufBodies);
    const input = corpus.bytesOf(mutateText(chance, [body]));
    return outcomeOf(() => {
      const { raw } = decodeEnvelope(input);
      encodeMessage(definition.shape, decodeMessage(definition.shape, raw));
    });
  },
};

/** Reads by the shape of a kind, and writes what was read as protobuf. */
const shapes: DecoderTarget = {
  name: "objects by shape",
  attempt: (seed) => {
    const chance = new Chance(seed);
    const good = chance.pick(corpus.wholeObjects);
    const definition = must(
      catalogue.find(({ kind, apiVersion }) => kind === good["kind"] && apiVersion === good["apiVersion"]),
      "the corpus is made from the catalogue",
    );
    const input = mutateValue(chance, mutateByShape(chance, good, definition.shape));
    return outcomeOf(() => {
      const { object } = decode(definition.shape, input);
      encodeMessage(definition.shape, object);
    });
  },
};

const patches: readonly (readonly [string, (object: JsonObject, patch: JsonValue) => unknown])[] = [
  ["JSON patch", applyJsonPatch],
  ["merge patch", applyMergePatch],
  ["strategic merge patch", (object, patch) => applyStrategicMerge(object, patch, podKind.shape)],
  [
    "server-side apply",
    (object, patch) => {
      const write = { kind: podKind, live: object, manager: "eve", subresource: "", nowMs, force: true };
      // Holds because the API server applies objects only.
      const applied = applyPatch(write, patch as JsonObject);
      return trackUpdate({ ...write, live: applied }, object);
    },
  ],
];

const paths = [
  "/spec",
  "/spec/containers/0/name",
  "/metadata/labels/__proto__",
  "/-",
  "",
  "/spec/containers/-",
  "/a~1b",
];

function patching([name, act]: (typeof patches)[number]): DecoderTarget {
  return {
    name,
    attempt: (seed) => {
      const chance = new Chance(seed);
      const value = mutateByShape(chance, pod, podKind.shape);
      const operation = {
        op: chance.pick(["add", "remove", "replace", "move", "copy", "test"]),
        path: chance.pick(paths),
      };
      const patch = name === "JSON patch" ? [{ ...operation, from: chance.pick(paths), value }] : value;
      const hostile = mutateValue(chance, patch);
      if (name === "server-side apply" && (typeof hostile !== "object" || hostile === null || Array.isArray(hostile)))
        return Promise.resolve("refused");
      return outcomeOf(() => act(pod, hostile));
    },
  };
}

const definitions = must(
  catalogue.find(({ kind }) => kind === "CustomResourceDefinition"),
  "they are a kind",
);

/** A schema of somebody's own, as the definition of a kind has it, and an object checked by it. */
const schemas: DecoderTarget = {
  name: "schemas of custom resources",
  attempt: (seed) => {
    const chance = new Chance(seed);
    const good: JsonObject = {
      type: "object",
      properties: {
        spec: {
          type: "object",
          properties: {
            text: { type: "string", pattern: "^[a-z]([-a-z0-9]*[a-z0-9])?$", format: "duration", maxLength: 5 },
            size: { type: "integer", minimum: 1, multipleOf: 2, default: 4 },
            list: { type: "array", items: { type: "string", enum: ["a"] }, "x-kubernetes-list-type": "set" },
            any: { "x-kubernetes-preserve-unknown-fields": true },
            either: { "x-kubernetes-int-or-string": true },
          },
        },
      },
    };
    const schema = chance.oneIn(3) ? good : mutateValue(chance, good);
    const versions = [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: schema } }];
    const object = mutateValue(chance, { ...pod, spec: { text: "1h", size: 2, list: ["a"], any: {}, either: 1 } });
    return outcomeOf(() => {
      const { object: read } = decode(definitions.shape, { spec: { versions } });
      // Holds because decoding by its shape makes a definition of it.
      const { spec } = read as unknown as { readonly spec: CustomResourceDefinition["spec"] };
      const found = spec.versions[0]?.schema?.openAPIV3Schema as Schema | undefined;
      if (!found || checkSchema(found, "schema").length > 0) throw new Error("expected a schema that holds");
      customKind("v1.Tab", found).read(object);
      checkBySchema(found, object);
    });
  },
};

const tar: DecoderTarget = texts("tar", tarArchives(), async (input) => {
  for await (const item of readTar(Readable.from([corpus.bytesOf(input)]))) await item.bytes(10_000);
});

function tarArchives(): readonly string[] {
  const header = Buffer.alloc(512);
  header.write("a/b");
  header.write("0000644\0", 100);
  header.write("00000000005\0", 124);
  header.write("        0", 148);
  header.write("ustar\x0000", 257);
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
  );
  return [corpus.binary(Buffer.concat([header, Buffer.from("hello".padEnd(512, "\0")), Buffer.alloc(1024)]))];
}

/** Decoders of files, which are read from a folder that is removed at the end. */
function files(folder: string): readonly DecoderTarget[] {
  const config = "https-listen-port: 6443\ntls-san:\n- a\nnode-label+:\n- a=b\n";
  return [
    texts("configuration file", [config], async (input) => {
      const path = join(folder, "config.yaml");
      writeFileSync(path, input);
      await readConfig("server", { args: ["--config", path], env: {} });
    }),
    texts("flags", ["--https-listen-port 6443", "--tls-san=a,b --disable dns", "--cluster-cidr 10.0.0.0/8"], (input) =>
      readConfig("server", { args: input.split(" "), env: {} }),
    ),
  ];
}

/** Every decoder. What they hold is given back at the end. */
export async function decoderTargets(signal: AbortSignal): Promise<readonly DecoderTarget[]> {
  const folder = mkdtempSync(join(tmpdir(), "kedge-attack-"));
  signal.addEventListener("abort", () => rmSync(folder, { recursive: true }), { once: true });
  const framed = [await dnsServer(signal), spdyConnection(), webSocket(), http2Connection(), headerBlocks()];
  return [
    ...plainTexts,
    protobuf,
    shapes,
    ...patches.map((one) => patching(one)),
    schemas,
    tar,
    ...files(folder),
    ...framed.map(({ name, inputs, read }) => texts(name, inputs, read)),
  ];
}
