/** What the rules of kinds say of wrong objects, through the same steps as a request. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { applyDefaults, decode, validate } from "#machinery/decode.ts";
import type { KubeObject } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import type { JsonObject } from "#machinery/shape.ts";
import { catalogue } from "./catalogue.ts";

function definitionOf(kind: string): ResourceDefinition {
  const found = catalogue.find((definition) => definition.kind === kind);
  assert.ok(found, kind);
  return found;
}

function made(definition: ResourceDefinition, body: JsonObject): KubeObject {
  const meta = { name: "x", uid: "u", ...(definition.namespaced ? { namespace: "n" } : {}) };
  const { object } = decode(definition.shape, { metadata: meta, ...body });
  applyDefaults(definition.shape, object);
  definition.defaults?.(object);
  // Holds because decoding by the shape of a kind makes an object of it.
  return { ...object, apiVersion: definition.apiVersion, kind: definition.kind } as unknown as KubeObject;
}

function problems(kind: string, body: JsonObject, before?: JsonObject): string[] {
  const definition = definitionOf(kind);
  const old = before && made(definition, before);
  const object = made(definition, body);
  definition.prepare?.({ ...object }, { old, subresource: "" });
  const errors = [
    ...validate(definition.shape, object, old),
    ...(definition.check?.(object, { old, subresource: "" }) ?? []),
  ];
  return errors.map(({ field, message }) => `${field}: ${message}`);
}

const spec = { containers: [{ name: "a", image: "b" }] };
const template = { metadata: { labels: { a: "b" } }, spec };
const selector = { matchLabels: { a: "b" } };
const once = { ...template, spec: { ...spec, restartPolicy: "Never" } };

const right: readonly (readonly [string, JsonObject])[] = [
  ["Deployment", { spec: { selector, template } }],
  ["ReplicaSet", { spec: { selector, template } }],
  ["StatefulSet", { spec: { selector, template, serviceName: "s" } }],
  ["DaemonSet", { spec: { selector, template } }],
  ["ReplicationController", { spec: { template } }],
  ["Job", { spec: { template: once } }],
  ["CronJob", { spec: { schedule: "*/5 1-3 * jan,feb mon", jobTemplate: { spec: { template: once } } } }],
  ["Service", { spec: { ports: [{ port: 80 }] } }],
  ["ConfigMap", { data: { a: "b" } }],
  ["Secret", { stringData: { a: "b" } }],
  ["Namespace", {}],
  ["Node", {}],
  ["PersistentVolumeClaim", { spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } } }],
  [
    "PersistentVolume",
    { spec: { accessModes: ["ReadWriteOnce"], capacity: { storage: "1Gi" }, hostPath: { path: "/x" } } },
  ],
  ["ResourceQuota", { spec: { hard: { pods: "1", "requests.cpu": "1" } } }],
  ["LimitRange", { spec: { limits: [{ type: "Container", max: { cpu: "1" } }] } }],
  ["Role", { rules: [{ verbs: ["get"], apiGroups: [""], resources: ["pods"] }] }],
  ["RoleBinding", { roleRef: { kind: "Role", name: "r" }, subjects: [{ kind: "User", name: "u" }] }],
  [
    "NetworkPolicy",
    { spec: { podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] } }] }] } },
  ],
  [
    "Ingress",
    {
      spec: {
        rules: [
          {
            host: "*.a.b",
            http: {
              paths: [{ path: "/", pathType: "Prefix", backend: { service: { name: "s", port: { number: 80 } } } }],
            },
          },
        ],
      },
    },
  ],
  ["EndpointSlice", { addressType: "IPv4", endpoints: [{ addresses: ["10.0.0.1"] }], ports: [{ port: 80 }] }],
  ["PodDisruptionBudget", { spec: { minAvailable: "50%", selector } }],
  ["HorizontalPodAutoscaler", { spec: { maxReplicas: 3, scaleTargetRef: { kind: "Deployment", name: "d" } } }],
  ["StorageClass", { provisioner: "kedge.dev/local" }],
  ["PriorityClass", { value: 1000 }],
  ["Lease", { spec: { leaseDurationSeconds: 15 } }],
  ["IngressClass", { spec: { controller: "kedge.dev/ingress" } }],
  [
    "ValidatingWebhookConfiguration",
    {
      webhooks: [
        {
          name: "a.b.c",
          sideEffects: "None",
          admissionReviewVersions: ["v1"],
          clientConfig: { service: { namespace: "n", name: "s", path: "/x" } },
          rules: [{ operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods"] }],
        },
      ],
    },
  ],
  ["FlowSchema", { spec: { priorityLevelConfiguration: { name: "x" } } }],
];
for (const [kind, body] of right) test(`a plain ${kind} is right`, () => assert.deepEqual(problems(kind, body), []));

const wrong: readonly (readonly [string, string, JsonObject, readonly string[]])[] = [
  [
    "Deployment",
    "a selector that misses its template",
    { spec: { selector: { matchLabels: { c: "d" } }, template, replicas: -1 } },
    [
      "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
      'spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`',
    ],
  ],
  [
    "Deployment",
    "nothing said",
    {},
    ["spec.selector: Required value", "spec.template.spec.containers: Required value"],
  ],
  [
    "DaemonSet",
    "pods that end",
    { spec: { selector, template: once } },
    ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
  ],
  [
    "Job",
    "pods that never end",
    { spec: { template } },
    ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
  ],
  [
    "CronJob",
    "a schedule out of bounds",
    { spec: { schedule: "60 * * * *", timeZone: "Mars/Base", jobTemplate: { spec: { template: once } } } },
    [
      'spec.timeZone: Invalid value: "Mars/Base": unknown time zone Mars/Base',
      'spec.schedule: Invalid value: "60 * * * *": end of range (60) above maximum (59): 60',
    ],
  ],
  [
    "Service",
    "two ports without names",
    { spec: { ports: [{ port: 80 }, { port: 0 }], clusterIP: "10.0.0.300", clusterIPs: ["10.0.0.300"] } },
    [
      "spec.ports[0].name: Required value",
      "spec.ports[1].name: Required value",
      "spec.ports[1].port: Invalid value: 0: must be between 1 and 65535, inclusive",
      "spec.ports[1].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive",
      'spec.clusterIPs[0]: Invalid value: "10.0.0.300": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
  ],
  [
    "ConfigMap",
    "a bad key",
    { data: { "a/b": "" } },
    [
      "data[a/b]: Invalid value: \"a/b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
    ],
  ],
  [
    "Secret",
    "a missing key",
    { type: "kubernetes.io/tls" },
    ["data[tls.crt]: Required value", "data[tls.key]: Required value"],
  ],
  [
    "PersistentVolumeClaim",
    "no size",
    { spec: { accessModes: ["ReadWriteOnce"] } },
    ["spec.resources[storage]: Required value"],
  ],
  [
    "ClusterRoleBinding",
    "a role of a namespace and a stray account",
    { roleRef: { kind: "Role", name: "" }, subjects: [{ kind: "ServiceAccount", name: "a" }] },
    [
      'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
      "roleRef.name: Required value",
      "subjects[0].namespace: Required value",
    ],
  ],
  [
    "NetworkPolicy",
    "an exception outside its block",
    { spec: { podSelector: {}, egress: [{ to: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["11.0.0.0/16"] } }, {}] }] } },
    [
      'spec.egress[0].to[0].ipBlock.except[0]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`',
      "spec.egress[0].to[1]: Required value: must specify a peer",
    ],
  ],
  [
    "EndpointSlice",
    "an address of the other family",
    { addressType: "IPv6", endpoints: [{ addresses: ["10.0.0.1"] }, { addresses: [] }] },
    [
      'endpoints[0].addresses[0]: Invalid value: "10.0.0.1": must be an IPv6 address',
      "endpoints[1].addresses: Required value: must contain at least 1 address",
    ],
  ],
  [
    "HorizontalPodAutoscaler",
    "nothing to scale",
    { spec: { minReplicas: 2, maxReplicas: 1 } },
    [
      "spec.maxReplicas: Invalid value: 1: must be greater than or equal to `minReplicas`",
      "spec.scaleTargetRef.kind: Required value",
      "spec.scaleTargetRef.name: Required value",
    ],
  ],
  [
    "PriorityClass",
    "a value of the system's",
    { value: 2_000_000_000 },
    ["value: Forbidden: maximum allowed value of a user defined priority is 1000000000"],
  ],
  [
    "CustomResourceDefinition",
    "a name that is not its own",
    {
      spec: {
        group: "a.b",
        names: { plural: "things", kind: "Thing" },
        scope: "Namespaced",
        versions: [{ name: "v1", served: true, storage: true }],
      },
    },
    [
      'metadata.name: Invalid value: "x": must be spec.names.plural+"."+spec.group',
      "spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required",
    ],
  ],
];
for (const [kind, name, body, expected] of wrong)
  test(`a ${kind} with ${name} is refused`, () => assert.deepEqual(problems(kind, body), expected));

test("what is immutable stays", () => {
  const other = { matchLabels: { a: "b", c: "d" } };
  const both = { ...template, metadata: { labels: { a: "b", c: "d" } } };
  assert.deepEqual(
    problems("Deployment", { spec: { selector: other, template: both } }, { spec: { selector, template } }),
    ['spec.selector: Invalid value: {"matchLabels":{"a":"b","c":"d"}}: field is immutable'],
  );
  assert.deepEqual(
    problems("ConfigMap", { data: { a: "c" }, immutable: true }, { data: { a: "b" }, immutable: true }),
    ["data: Forbidden: field is immutable when `immutable` is set"],
  );
  assert.deepEqual(
    problems(
      "StatefulSet",
      { spec: { selector, template, serviceName: "t" } },
      { spec: { selector, template, serviceName: "s" } },
    ),
    [
      "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    ],
  );
});
