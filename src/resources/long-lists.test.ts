/** Rules of lists look at each item a few times, however long the list: never at each with each. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { applyDefaults, decode, validate } from "#machinery/decode.ts";
import type { KubeObject } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import type { JsonObject, JsonValue } from "#machinery/shape.ts";
import { counted } from "#testing/counted.ts";
import { validatingWebhookConfigurations } from "./admissionregistration/validating-webhook-configuration.ts";
import { jobs } from "./batch/job.ts";
import { certificateSigningRequests } from "./certificates/certificate-signing-request.ts";
import { nodes } from "./core/node.ts";
import { pods } from "./core/pod.ts";
import { services } from "./core/service.ts";
import { endpointSlices } from "./discovery/endpoint-slice.ts";
import { csiNodes } from "./storage/csi-node.ts";

const count = 1_000;
// A rule may read an item for each of its fields, and again for its sentence.
const readsOfItemMax = 200;

const items = (make: (at: number) => JsonValue): readonly JsonValue[] =>
  Array.from({ length: count }, (_, at) => make(at));

const pod = (more: JsonObject, container: JsonObject = {}, status: JsonObject = {}): JsonObject => ({
  spec: { containers: [{ name: "a", image: "i", ...container }], ...more },
  status,
});
const statuses = (state: JsonObject): JsonObject => ({
  containerStatuses: items((at) => ({ name: `c${at}`, image: "i", imageID: "", ready: false, restartCount: 0, state })),
});
const volumes = items((at) => ({ name: `v${at}`, emptyDir: {} }));
const hook = (more: JsonObject, rule: JsonObject = {}): JsonObject => ({
  webhooks: [
    {
      name: "a.b.c",
      clientConfig: { url: "https://a.b" },
      sideEffects: "None",
      admissionReviewVersions: ["v1"],
      rules: [{ operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods"], ...rule }],
      ...more,
    },
  ],
});

type Row = readonly [string, ResourceDefinition, JsonObject, string?];

// Each cast holds because a definition is looked at here only by its shape and its rules.
const rows: readonly Row[] = [
  ["tolerations", pods, pod({ tolerations: items((at) => ({ key: `k${at}`, operator: "Exists" })) })],
  ["scheduling gates", pods, pod({ schedulingGates: items((at) => ({ name: `g${at}` })) })],
  [
    "ephemeral containers",
    pods,
    pod({ ephemeralContainers: items((at) => ({ name: `e${at}`, image: "i" })) }),
    "ephemeralcontainers",
  ],
  ["container statuses", pods, pod({}, {}, statuses({ terminated: { exitCode: 0 } })), "status"],
  [
    "mounts and devices",
    pods,
    pod(
      { volumes },
      {
        volumeMounts: items((at) => ({ name: `v${at}`, mountPath: `/m${at}` })),
        volumeDevices: items((at) => ({ name: `v${at}`, devicePath: `/d${at}` })),
      },
    ),
  ],
  [
    "variables of files",
    pods,
    pod(
      { volumes },
      {
        env: items((at) => ({
          name: `E${at}`,
          valueFrom: { fileKeyRef: { volumeName: `v${count - 1 - at}`, path: "p", key: "k" } },
        })),
      },
    ),
  ],
  [
    "spread constraints",
    pods,
    pod({
      topologySpreadConstraints: items((at) => ({
        maxSkew: 1,
        topologyKey: `t${at}`,
        whenUnsatisfiable: "DoNotSchedule",
      })),
    }),
  ],
  [
    "label keys",
    pods,
    pod({
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: "t",
          whenUnsatisfiable: "DoNotSchedule",
          labelSelector: { matchExpressions: items((at) => ({ key: `e${at}`, operator: "Exists" })) },
          matchLabelKeys: items((at) => `k${at}`),
          mismatchLabelKeys: items((at) => `m${at}`),
        },
      ],
    }),
  ],
  [
    "addresses of a node",
    nodes,
    { status: { addresses: items((at) => ({ type: "InternalIP", address: `a${at}` })) } },
    "status",
  ],
  [
    "conditions of a certificate request",
    certificateSigningRequests,
    {
      spec: { request: "", signerName: "a.b/c", usages: ["client auth"] },
      status: { conditions: items((at) => ({ type: `t${at}`, status: "True" })) },
    },
    "status",
  ],
  [
    "exit codes",
    jobs,
    {
      spec: {
        podFailurePolicy: {
          rules: [{ action: "Ignore", onExitCodes: { operator: "In", values: items((at) => at + 1) } }],
        },
        template: { spec: { restartPolicy: "Never", containers: [{ name: "a", image: "i" }] } },
      },
    },
  ],
  [
    "families of addresses",
    services,
    { spec: { clusterIP: "None", clusterIPs: ["None"], ipFamilies: items((at) => `f${at}`), ports: [{ port: 1 }] } },
  ],
  [
    "addresses of an endpoint",
    endpointSlices,
    { addressType: "IPv4", endpoints: [{ addresses: items((at) => `10.0.${at >> 8}.${at & 255}`) }] },
  ],
  ["resources of a webhook", validatingWebhookConfigurations, hook({}, { resources: items((at) => `r${at}/s`) })],
  [
    "versions of a webhook",
    validatingWebhookConfigurations,
    hook({ admissionReviewVersions: items((at) => `v${at}`) }),
  ],
  ["drivers of a node", csiNodes, { spec: { drivers: items((at) => ({ name: `d${at}`, nodeID: `n${at}` })) } }],
].map((row) => row as unknown as Row);

for (const [name, definition, json, subresource = ""] of rows)
  test(`${name}: each is read a few times`, () => {
    const made = (): KubeObject => {
      const { object } = decode(definition.shape, { metadata: { name: "a", namespace: "n" }, ...json });
      applyDefaults(definition.shape, object);
      definition.defaults?.(object);
      // Holds because decoding by the shape makes an object of the kind.
      return object as unknown as KubeObject;
    };
    const reads = { reads: 0 };
    const [now, old] = [counted(made(), reads), counted(made(), reads)];
    for (const before of [undefined, old]) {
      validate(definition.shape, now, before);
      definition.check?.(now, { old: before, subresource });
    }
    assert.ok(reads.reads > count, `expected the rules to look at the list, found ${reads.reads} reads`);
    assert.ok(reads.reads < count * readsOfItemMax, `expected a few reads of each item, found ${reads.reads} reads`);
  });

test("Differs from upstream: of the mistakes of one list five hundred are found, and the object is refused all the same", () => {
  const reads = { reads: 0 };
  const ports = Array.from({ length: 9_000 }, (_, at) => ({ name: "NOT_GOOD", port: 1 + at, targetPort: 99_999 }));
  const { object } = decode(services.shape, { metadata: { name: "a", namespace: "n" }, spec: { ports } });
  // Holds because decoding by the shape makes an object of the kind.
  const service = counted(object as unknown as KubeObject, reads);
  const errors = services.check?.(service as never, { old: undefined, subresource: "" }) ?? [];
  assert.ok(errors.length >= 500 && errors.length < 600, `expected some 500 mistakes, found ${errors.length}`);
  const containers = ports.map(() => ({ imagePullPolicy: "Sometimes" }));
  const { object: unknown } = decode(pods.shape, { metadata: { name: "a", namespace: "n" }, spec: { containers } });
  assert.equal(validate(pods.shape, unknown).length, 500);
  assert.ok(reads.reads < 20_000, `expected the rest of the list not to be read, found ${reads.reads} reads`);
});
