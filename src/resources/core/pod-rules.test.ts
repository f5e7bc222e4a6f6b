import assert from "node:assert/strict";
import { test } from "node:test";
import { applyDefaults, decode, validate } from "#machinery/decode.ts";
import type { FieldError } from "#machinery/field-error.ts";
import type { JsonObject } from "#machinery/shape.ts";
import { pods, type Pod } from "./pod.ts";

const base: JsonObject = { containers: [{ name: "a", image: "busybox" }] };

function podOf(spec: JsonObject, status: JsonObject = {}): Pod {
  const { object } = decode(pods.shape, {
    metadata: { name: "p", namespace: "n" },
    spec: { ...base, ...spec },
    status,
  });
  applyDefaults(pods.shape, object);
  pods.defaults?.(object);
  // Holds because decoding by the shape makes a pod.
  return object as unknown as Pod;
}

function sentences(errors: readonly FieldError[]): string[] {
  return errors.map(({ field, message }) => `${field}: ${message}`);
}

function created(spec: JsonObject): string[] {
  const pod = podOf(spec);
  return sentences([...validate(pods.shape, pod), ...(pods.check?.(pod, { old: undefined, subresource: "" }) ?? [])]);
}

function updated(before: JsonObject, after: JsonObject, subresource = ""): string[] {
  return sentences(pods.check?.(podOf(after), { old: podOf(before), subresource }) ?? []);
}

test("a plain pod is right", () => assert.deepEqual(created({}), []));

const container = (more: JsonObject): JsonObject => ({ containers: [{ name: "a", image: "b", ...more }] });
const wrong: readonly (readonly [string, JsonObject, readonly string[]])[] = [
  ["no containers", { containers: [] }, ["spec.containers: Required value"]],
  [
    "two containers of one name, one without an image",
    { containers: [{ name: "a", image: "b" }, { name: "a" }] },
    ["spec.containers[1].image: Required value", 'spec.containers[1].name: Duplicate value: "a"'],
  ],
  [
    "an unknown restart policy",
    { restartPolicy: "Sometimes" },
    ['spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"'],
  ],
  [
    "a mount without its volume",
    container({ volumeMounts: [{ name: "v", mountPath: "/v" }] }),
    ['spec.containers[0].volumeMounts[0].name: Not found: "v"'],
  ],
  [
    "requests above limits",
    container({ resources: { limits: { cpu: "1" }, requests: { cpu: "2" } } }),
    ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'],
  ],
  [
    "an unknown resource",
    container({ resources: { limits: { disk: "1" } } }),
    [
      'spec.containers[0].resources.limits[disk]: Invalid value: "disk": must be a standard resource type or fully qualified',
      'spec.containers[0].resources.limits[disk]: Invalid value: "disk": must be a standard resource for containers',
      'spec.containers[0].resources.requests[disk]: Invalid value: "disk": must be a standard resource type or fully qualified',
      'spec.containers[0].resources.requests[disk]: Invalid value: "disk": must be a standard resource for containers',
    ],
  ],
  [
    "a probe that does nothing",
    container({ livenessProbe: { successThreshold: 2 } }),
    [
      "spec.containers[0].livenessProbe: Required value: must specify a handler type",
      "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1",
    ],
  ],
  [
    "a variable with two sources",
    container({ env: [{ name: "A=", value: "x", valueFrom: { fieldRef: { fieldPath: "spec.foo" } } }] }),
    [
      "spec.containers[0].env[0].name: Invalid value: \"A=\": a valid environment variable name must consist only of printable ASCII characters other than '='",
      'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.foo": error converting fieldPath: field label not supported: spec.foo',
      'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
    ],
  ],
  [
    "a sysctl of no form",
    { securityContext: { sysctls: [{ name: "foo-", value: "1" }] } },
    [
      'spec.securityContext.sysctls[0].name: Invalid value: "foo-": must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$',
    ],
  ],
  [
    "a toleration without key that is not for everything",
    { tolerations: [{ effect: "NoSchedule" }] },
    [
      'spec.tolerations[0].operator: Invalid value: "": operator must be Exists when `key` is empty, which means "match all values and all keys"',
    ],
  ],
  [
    "an init container with a probe",
    { initContainers: [{ name: "i", image: "b", livenessProbe: { exec: { command: ["x"] } } }] },
    [
      "spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
    ],
  ],
  [
    "ephemeral containers",
    { ephemeralContainers: [{ name: "e", image: "b" }] },
    ["spec.ephemeralContainers: Forbidden: cannot be set on create"],
  ],
];
for (const [name, spec, expected] of wrong)
  test(`a pod with ${name} is refused`, () => assert.deepEqual(created(spec), expected));

const many =
  "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

test("of a running pod only a few things may change", () => {
  assert.deepEqual(updated({}, { containers: [{ name: "a", image: "other" }], activeDeadlineSeconds: 5 }), []);
  assert.deepEqual(updated({}, { tolerations: [{ operator: "Exists" }] }), []);
  assert.deepEqual(updated({}, { hostNetwork: true }), [
    `spec: Forbidden: pod updates may not change fields other than ${many}\n`,
  ]);
  assert.deepEqual(
    updated(
      {},
      {
        containers: [
          { name: "a", image: "b" },
          { name: "c", image: "b" },
        ],
      },
    ),
    ["spec.containers: Forbidden: pod updates may not add or remove containers"],
  );
});

test("a pod neither becomes a mirror of a static pod nor stops being one", () => {
  const mark = "kubernetes.io/config.mirror";
  const marked = (value?: string): Pod => {
    const pod = podOf({ nodeName: "node" });
    const annotations = value === undefined ? {} : { [mark]: value };
    return { ...pod, metadata: { ...pod.metadata, annotations } };
  };
  const change = (before: Pod, after: Pod, subresource = ""): string[] =>
    sentences(pods.check?.(after, { old: before, subresource }) ?? []);
  const field = `metadata.annotations[${mark}]: Forbidden:`;
  assert.deepEqual(change(marked("abc"), marked("abc")), []);
  for (const subresource of ["", "status"]) {
    assert.deepEqual(change(marked(), marked("abc"), subresource), [`${field} may not add mirror pod annotation`]);
    for (const after of [marked(), marked("def")])
      assert.deepEqual(change(marked("abc"), after, subresource), [
        `${field} may not remove or update mirror pod annotation`,
      ]);
  }
});

test("a gated pod may be sent to fewer nodes", () => {
  const gates = { schedulingGates: [{ name: "g" }] };
  assert.deepEqual(updated(gates, { ...gates, nodeSelector: { a: "b" } }), []);
  assert.deepEqual(updated({ ...gates, nodeSelector: { a: "b" } }, gates), [
    "spec.nodeSelector: Invalid value: null: only additions are allowed (no mutations or deletions)",
  ]);
});

test("a resize changes cpu and memory, and never the class of service", () => {
  const sized = (cpu: string, name = "requests"): JsonObject => container({ resources: { [name]: { cpu } } });
  assert.deepEqual(updated(sized("1"), sized("2"), "resize"), []);
  assert.deepEqual(
    updated(sized("1"), container({ command: ["x"], resources: { requests: { cpu: "1" } } }), "resize"),
    ["spec: Forbidden: only cpu and memory resources are mutable"],
  );
  assert.deepEqual(updated(container({}), sized("1"), "resize"), [
    'spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing',
  ]);
});
