import assert from "node:assert/strict";
import { test } from "node:test";
import { applyPatch, trackUpdate } from "#machinery/apply.ts";
import { applyDefaults, decode } from "#machinery/decode.ts";
import type { JsonObject, ObjectShape } from "#machinery/shape.ts";
import { applyStrategicMerge } from "#machinery/strategic-merge.ts";
import { deployments } from "./apps/deployment.ts";
import { services } from "./core/service.ts";

const manifest = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "nginx", labels: { app: "nginx" } },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: "nginx" } },
    template: {
      metadata: { labels: { app: "nginx" } },
      spec: { containers: [{ name: "nginx", image: "nginx:1.14.2", ports: [{ containerPort: 80 }] }] },
    },
  },
};

function decoded(shape: ObjectShape, value: JsonObject): JsonObject {
  const { object } = decode(shape, value);
  applyDefaults(shape, object);
  return object as JsonObject;
}

const write = { kind: deployments, live: undefined, manager: "kubectl", subresource: "", nowMs: 0 };

function fieldsOf(object: JsonObject): unknown {
  return (object["metadata"] as { managedFields?: { fieldsV1: unknown }[] }).managedFields?.[0]?.fieldsV1;
}

test("a created deployment belongs to its writer as upstream records it", () => {
  const created = trackUpdate(write, decoded(deployments.shape, manifest));
  // Defaults belong to the writer, too; only what the manifest says is spelled out here.
  assert.partialDeepStrictEqual(fieldsOf(created), {
    "f:metadata": { "f:labels": { ".": {}, "f:app": {} } },
    "f:spec": {
      "f:replicas": {},
      "f:selector": {},
      "f:template": {
        "f:metadata": { "f:labels": { ".": {}, "f:app": {} } },
        "f:spec": {
          "f:containers": {
            'k:{"name":"nginx"}': {
              ".": {},
              "f:image": {},
              "f:name": {},
              "f:ports": {
                ".": {},
                'k:{"containerPort":80,"protocol":"TCP"}': { ".": {}, "f:containerPort": {}, "f:protocol": {} },
              },
              "f:resources": {},
            },
          },
        },
      },
    },
  });
});

test("an applied deployment is claimed as it was applied, and applies again without a change", () => {
  const applied = applyPatch({ ...write, force: false }, manifest);
  const template = { "f:metadata": { "f:labels": { "f:app": {} } } };
  assert.partialDeepStrictEqual(fieldsOf(applied), {
    "f:metadata": { "f:labels": { "f:app": {} } },
    "f:spec": { "f:replicas": {}, "f:selector": {}, "f:template": template },
  });
  const live = decoded(deployments.shape, applied);
  assert.deepEqual(applyPatch({ ...write, live, force: false, nowMs: 9_000 }, manifest), live);
});

test("a strategic merge finds the ports of a service by their number", () => {
  const service = decoded(services.shape, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web" },
    spec: {
      ports: [
        { port: 80, name: "http" },
        { port: 443, name: "https" },
      ],
    },
  });
  const patched = applyStrategicMerge(service, { spec: { ports: [{ port: 80, nodePort: 30_080 }] } }, services.shape);
  const { ports } = patched["spec"] as { ports: JsonObject[] };
  assert.deepEqual(
    ports.map(({ port, name, nodePort }) => [port, name, nodePort]),
    [
      [80, "http", 30_080],
      [443, "https", undefined],
    ],
  );
});
