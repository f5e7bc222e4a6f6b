/**
 * The largest objects that are taken, of kinds that differ in what is costly about them, through every verb and
 * encoding: nothing of it may hold up another user. Each row of the table is one object, alone, then eight at once.
 */
import { Api, type Answered } from "./api.ts";
import type { AttackOutcome } from "./observed.ts";
import type { Target } from "../bench/h2-client.ts";

type Json = Readonly<Record<string, unknown>>;

/** @param value Changes everything in it. */
type Body = (value: string) => Json;

interface Shape {
  readonly apiVersion: string;
  readonly kind: string;
  /** Without the name. */
  readonly path: string;
  readonly body: Body;
}

const core = (plural: string): string => `/api/v1/namespaces/default/${plural}`;
const apis = (group: string, plural: string): string => `/apis/${group}/v1/namespaces/default/${plural}`;

function many(count: number, value: string, prefix = "k"): Json {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`${prefix}${at}`, value]));
}

function list<T>(count: number, make: (at: number) => T): readonly T[] {
  return Array.from({ length: count }, (_, at) => make(at));
}

const env = (count: number, value: string): readonly Json[] => list(count, (at) => ({ name: `E${at}`, value }));
const entry = { operation: "Update", apiVersion: "v1", fieldsType: "FieldsV1" };

const shapes: Readonly<Record<string, Shape>> = {
  "config map of 16,000 keys": {
    apiVersion: "v1",
    kind: "ConfigMap",
    path: core("configmaps"),
    body: (value) => ({ data: many(16_000, value) }),
  },
  "config map of 1 MB of lines": {
    apiVersion: "v1",
    kind: "ConfigMap",
    path: core("configmaps"),
    body: (value) => ({ data: { text: `${value}\n`.repeat(500_000) } }),
  },
  "managed fields of 16,000 steps": {
    apiVersion: "v1",
    kind: "ConfigMap",
    path: core("configmaps"),
    body: (value) => ({
      metadata: {
        managedFields: list(4, (at) => ({
          ...entry,
          manager: `m${at}`,
          fieldsV1: { "f:data": Object.fromEntries(list(4_000, (step) => [`f:${value}${at}x${step}`, {}])) },
        })),
      },
      data: many(4_000, value),
    }),
  },
  "10,000 owners": {
    apiVersion: "v1",
    kind: "ConfigMap",
    path: core("configmaps"),
    body: (value) => ({
      metadata: {
        ownerReferences: list(10_000, (at) => ({
          apiVersion: "v1",
          kind: "Secret",
          name: `${value}${at}`,
          uid: `u${at}`,
        })),
      },
    }),
  },
  "service of 9,000 ports": {
    apiVersion: "v1",
    kind: "Service",
    path: core("services"),
    body: (value) => ({
      spec: { clusterIP: "None", ports: list(9_000, (at) => ({ name: `${value}${at}`, port: at + 1 })) },
    }),
  },
  "endpoint slice of 60,000 addresses": {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    path: apis("discovery.k8s.io", "endpointslices"),
    body: (value) => ({
      addressType: "IPv4",
      ports: [{ name: value, port: 80 }],
      endpoints: list(1_000, (at) => ({ addresses: list(60, (more) => `10.1.${at % 250}.${more + 1}`) })),
    }),
  },
  "deployment of 14,000 variables": {
    apiVersion: "apps/v1",
    kind: "Deployment",
    path: apis("apps", "deployments"),
    body: (value) => ({
      spec: {
        replicas: 0,
        selector: { matchLabels: { a: "b" } },
        template: {
          metadata: { labels: { a: "b" } },
          spec: { containers: [{ name: "a", image: "i", env: env(14_000, value) }] },
        },
      },
    }),
  },
  "role of 9,000 rules": {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "Role",
    path: apis("rbac.authorization.k8s.io", "roles"),
    body: (value) => ({
      rules: list(9_000, (at) => ({ apiGroups: [""], resources: [`${value}${at}`], verbs: ["get"] })),
    }),
  },
};

const form = "g=meta.k8s.io;v=v1";
const accepted = [
  "application/json",
  "application/yaml",
  "application/vnd.kubernetes.protobuf",
  `application/json;as=Table;${form}`,
  `application/json;as=PartialObjectMetadata;${form}`,
];

function objectOf({ apiVersion, kind, body }: Shape, name: string, value: string): Json {
  const made = body(value);
  // Holds because the shapes above write it so.
  return { apiVersion, kind, ...made, metadata: { ...(made["metadata"] as Json | undefined), name } };
}

/** What costs most, for many at once. */
async function* shortConversation(api: Api, shape: Shape, name: string): AsyncGenerator<Answered> {
  const { path } = shape;
  yield await api.ask(`POST ${path}`, { body: objectOf(shape, name, "v") });
  yield await api.ask(`PUT ${path}/${name}`, { body: objectOf(shape, name, "w") });
  yield await api.ask(`GET ${path}/${name}`, { headers: { accept: "application/vnd.kubernetes.protobuf" } });
  yield await api.ask(`DELETE ${path}/${name}`);
}

/** Everything that may be done with one object, one after another. */
async function* conversation(api: Api, shape: Shape, name: string): AsyncGenerator<Answered> {
  const { path } = shape;
  const at = `${path}/${name}`;
  const [first, second] = [objectOf(shape, name, "v"), objectOf(shape, name, "w")];
  const patch = (type: string, body: object, query = ""): Promise<Answered> =>
    api.ask(`PATCH ${at}${query}`, { body, type: `application/${type}` });
  const { metadata: _, ...bare } = first;
  yield await api.ask(`POST ${path}?dryRun=All`, { body: first });
  yield await api.ask(`POST ${path}`, { body: first });
  yield await api.ask(`PUT ${at}`, { body: second });
  yield await patch("merge-patch+json", { metadata: { labels: { a: "b" } } });
  yield await patch("strategic-merge-patch+json", { metadata: { labels: { a: "c" } } });
  yield await patch("json-patch+json", [{ op: "add", path: "/metadata/labels", value: { a: "d" } }]);
  const applied = { ...bare, metadata: { name } };
  yield await patch("apply-patch+yaml", applied, "?fieldManager=one&force=true");
  yield await patch("apply-patch+yaml", { ...second, metadata: { name } }, "?fieldManager=two");
  for (const accept of accepted) {
    yield await api.ask(`GET ${at}`, { headers: { accept } });
    yield await api.ask(`GET ${path}`, { headers: { accept: accept.replace("Metadata;", "MetadataList;") } });
  }
  yield await api.ask(`DELETE ${at}`);
}

async function played(target: Target, shape: Shape, count: number): Promise<readonly number[]> {
  const api = new Api(target);
  const codes: number[] = [];
  await Promise.all(
    list(count, async (at) => {
      const talk = count === 1 ? conversation : shortConversation;
      for await (const { code } of talk(api, shape, `large-${at}`)) codes.push(code);
    }),
  );
  return codes;
}

function outcomeOf(codes: readonly number[]): AttackOutcome {
  const counts = new Map<number, number>();
  for (const code of codes) counts.set(code, (counts.get(code) ?? 0) + 1);
  const outcome = [...counts].map(([code, count]) => `${count}× ${code}`).join(", ");
  return { outcome, broken: codes.some((code) => code >= 500) };
}

export const largeObjects: Readonly<Record<string, (target: Target) => Promise<AttackOutcome>>> = Object.fromEntries(
  Object.entries(shapes).flatMap(([name, shape]) =>
    [1, 8].map((count) => [
      count === 1 ? name : `${name}, ${count} at once`,
      async (target: Target): Promise<AttackOutcome> => outcomeOf(await played(target, shape, count)),
    ]),
  ),
);
