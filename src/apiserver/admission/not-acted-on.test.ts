/** What is stored and not acted on says so, to who writes it and on the object. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { must } from "#base/assert.ts";
import { catalogue } from "#resources/catalogue.ts";
import type { TestAnswer } from "#testing/api-server.ts";
import { startClusterApi, type ClusterApi } from "#testing/cluster-api.ts";
import { createRequest, newKey } from "#wire/x509.ts";
import { notActedOnIds } from "./not-acted-on.ts";

const life = new AbortController();
let api: ClusterApi;

before(async () => {
  api = await startClusterApi(life.signal);
});

after(() => life.abort(new Error("the test is over")));

function warningsOf(answer: TestAnswer): string[] {
  return [answer.headers["warning"] ?? []].flat().map((text) => JSON.parse(text.slice("299 - ".length)));
}

const space = "/api/v1/namespaces/default/services";
const service = (name: string, type: string): object => ({
  kind: "Service",
  apiVersion: "v1",
  metadata: { name },
  spec: { type, ports: [{ port: 80 }] },
});
const rules = [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }];
const webhooks = [
  { name: "a.example.com", clientConfig: { url: "https://a.example.com" }, rules, sideEffects: "None" },
].map((webhook) => ({ ...webhook, admissionReviewVersions: ["v1"] }));
const devices = { requests: [{ name: "r", exactly: { deviceClassName: "c" } }] };
const admission = "admissionregistration.k8s.io/v1";
const storage = "storage.k8s.io/v1";
const devicesVersion = "resource.k8s.io/v1";
const request = createRequest(newKey(), { commonName: "a", organizations: [], names: [] });

interface Case {
  readonly apiVersion: string;
  readonly kind: string;
  /** "w" unless the kind has rules for it. */
  readonly name?: string;
  /** What stands beside metadata. */
  readonly rest?: object;
  readonly says: RegExp;
}

/** One for each kind that is not acted on, or not always, by the resource's id. */
const cases: Readonly<Record<string, Case>> = {
  "networkpolicies.networking.k8s.io": {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    rest: { spec: { podSelector: {} } },
    says: /does not enforce network policies yet/,
  },
  services: {
    apiVersion: "v1",
    kind: "Service",
    rest: { spec: { type: "LoadBalancer", ports: [{ port: 80 }] } },
    says: /no load balancer yet/,
  },
  "ingresses.networking.k8s.io": {
    apiVersion: "networking.k8s.io/v1",
    kind: "Ingress",
    rest: { spec: { defaultBackend: { service: { name: "s", port: { number: 80 } } } } },
    says: /does not serve ingresses yet/,
  },
  "validatingwebhookconfigurations.admissionregistration.k8s.io": {
    apiVersion: admission,
    kind: "ValidatingWebhookConfiguration",
    rest: { webhooks },
    says: /does not call admission webhooks yet/,
  },
  "mutatingwebhookconfigurations.admissionregistration.k8s.io": {
    apiVersion: admission,
    kind: "MutatingWebhookConfiguration",
    rest: { webhooks },
    says: /does not call admission webhooks yet/,
  },
  "validatingadmissionpolicies.admissionregistration.k8s.io": {
    apiVersion: admission,
    kind: "ValidatingAdmissionPolicy",
    rest: { spec: { matchConstraints: { resourceRules: rules }, validations: [{ expression: "true" }] } },
    says: /does not evaluate admission policies yet/,
  },
  "validatingadmissionpolicybindings.admissionregistration.k8s.io": {
    apiVersion: admission,
    kind: "ValidatingAdmissionPolicyBinding",
    rest: { spec: { policyName: "p", validationActions: ["Deny"] } },
    says: /does not evaluate admission policies yet/,
  },
  "mutatingadmissionpolicies.admissionregistration.k8s.io": {
    apiVersion: admission,
    kind: "MutatingAdmissionPolicy",
    rest: {
      spec: {
        matchConstraints: { resourceRules: rules },
        reinvocationPolicy: "Never",
        mutations: [{ patchType: "JSONPatch", jsonPatch: { expression: "[]" } }],
      },
    },
    says: /does not evaluate admission policies yet/,
  },
  "mutatingadmissionpolicybindings.admissionregistration.k8s.io": {
    apiVersion: admission,
    kind: "MutatingAdmissionPolicyBinding",
    rest: { spec: { policyName: "p" } },
    says: /does not evaluate admission policies yet/,
  },
  "apiservices.apiregistration.k8s.io": {
    apiVersion: "apiregistration.k8s.io/v1",
    kind: "APIService",
    name: "v1.a.example.com",
    rest: {
      spec: {
        group: "a.example.com",
        version: "v1",
        groupPriorityMinimum: 1000,
        versionPriority: 15,
        service: { namespace: "default", name: "s" },
        insecureSkipTLSVerify: true,
      },
    },
    says: /does not pass requests on to other API servers yet/,
  },
  "certificatesigningrequests.certificates.k8s.io": {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    rest: {
      spec: {
        request: Buffer.from(request).toString("base64"),
        signerName: "example.com/signer",
        usages: ["client auth"],
      },
    },
    says: /does not sign certificate requests yet/,
  },
  "horizontalpodautoscalers.autoscaling": {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    rest: { spec: { maxReplicas: 2, scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "d" } } },
    says: /does not scale by horizontal pod autoscalers yet/,
  },
  persistentvolumeclaims: {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    rest: {
      spec: {
        accessModes: ["ReadWriteOnce"],
        resources: { requests: { storage: "1Gi" } },
        dataSource: { kind: "PersistentVolumeClaim", name: "other" },
      },
    },
    says: /does not copy data into new volumes yet/,
  },
  persistentvolumes: {
    apiVersion: "v1",
    kind: "PersistentVolume",
    rest: {
      spec: { accessModes: ["ReadWriteOnce"], capacity: { storage: "1Gi" }, nfs: { server: "s", path: "/p" } },
    },
    says: /mounts only hostPath and local volumes yet/,
  },
  "csidrivers.storage.k8s.io": {
    apiVersion: storage,
    kind: "CSIDriver",
    rest: { spec: {} },
    says: /does not mount volumes of CSI drivers yet/,
  },
  "csinodes.storage.k8s.io": {
    apiVersion: storage,
    kind: "CSINode",
    rest: { spec: { drivers: [] } },
    says: /does not mount volumes of CSI drivers yet/,
  },
  "csistoragecapacities.storage.k8s.io": {
    apiVersion: storage,
    kind: "CSIStorageCapacity",
    rest: { storageClassName: "c", capacity: "1Gi" },
    says: /does not look at storage capacities yet/,
  },
  "volumeattachments.storage.k8s.io": {
    apiVersion: storage,
    kind: "VolumeAttachment",
    rest: { spec: { attacher: "a.example.com", nodeName: "n", source: { persistentVolumeName: "p" } } },
    says: /does not attach volumes yet/,
  },
  "volumeattributesclasses.storage.k8s.io": {
    apiVersion: storage,
    kind: "VolumeAttributesClass",
    rest: { driverName: "a.example.com", parameters: { a: "b" } },
    says: /does not change volumes by attributes classes yet/,
  },
  "resourceclaims.resource.k8s.io": {
    apiVersion: devicesVersion,
    kind: "ResourceClaim",
    rest: { spec: { devices } },
    says: /does not allocate devices yet/,
  },
  "resourceclaimtemplates.resource.k8s.io": {
    apiVersion: devicesVersion,
    kind: "ResourceClaimTemplate",
    rest: { spec: { spec: { devices } } },
    says: /does not allocate devices yet/,
  },
  "resourceslices.resource.k8s.io": {
    apiVersion: devicesVersion,
    kind: "ResourceSlice",
    rest: {
      spec: { driver: "a.example.com", nodeName: "n", pool: { name: "p", generation: 1, resourceSliceCount: 1 } },
    },
    says: /does not allocate devices yet/,
  },
  "deviceclasses.resource.k8s.io": {
    apiVersion: devicesVersion,
    kind: "DeviceClass",
    rest: { spec: {} },
    says: /does not allocate devices yet/,
  },
  "servicecidrs.networking.k8s.io": {
    apiVersion: "networking.k8s.io/v1",
    kind: "ServiceCIDR",
    rest: { spec: { cidrs: ["10.99.0.0/24"] } },
    says: /only from the range it was started with/,
  },
  "flowschemas.flowcontrol.apiserver.k8s.io": {
    apiVersion: "flowcontrol.apiserver.k8s.io/v1",
    kind: "FlowSchema",
    rest: { spec: { priorityLevelConfiguration: { name: "exempt" }, matchingPrecedence: 5 } },
    says: /by fixed seats/,
  },
  "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": {
    apiVersion: "flowcontrol.apiserver.k8s.io/v1",
    kind: "PriorityLevelConfiguration",
    rest: { spec: { type: "Limited", limited: { limitResponse: { type: "Reject" } } } },
    says: /by fixed seats/,
  },
};

test("each kind that is not acted on is among the cases of this test", () => {
  assert.deepEqual(Object.keys(cases).toSorted(), [...notActedOnIds].toSorted());
});

for (const [id, { apiVersion, kind, name = "w", rest, says }] of Object.entries(cases))
  test(`a new ${kind} is warned of, with an event`, async () => {
    const definition = must(
      catalogue.find((one) => one.id === id && one.apiVersion === apiVersion),
      `${id} is a built-in kind`,
    );
    const root = apiVersion === "v1" ? "/api/v1" : `/apis/${apiVersion}`;
    const place = definition.namespaced ? `${root}/namespaces/default` : root;
    const body = { apiVersion, kind, metadata: { name }, ...rest };
    const answer = await api.server.ask(`POST ${place}/${definition.plural}`, { body });
    assert.equal(answer.code, 201, answer.text);
    const warning = warningsOf(answer).find((text) => says.test(text)) ?? "";
    assert.match(warning, says);
    assert.ok(api.recorded.includes(`${kind} ${name}: ${warning}`), api.recorded.join("\n"));
  });

for (const [kind, line, body] of [
  ["PersistentVolume", "POST /api/v1/persistentvolumes", { hostPath: { path: "/x" } }],
  ["PersistentVolumeClaim", "POST /api/v1/namespaces/default/persistentvolumeclaims", {}],
] as const)
  test(`a ${kind} that is acted on is not warned of`, async () => {
    const capacity = { storage: "1Gi" };
    const spec = { accessModes: ["ReadWriteOnce"], capacity, resources: { requests: capacity }, ...body };
    const answer = await api.server.ask(line, { body: { metadata: { name: "sound" }, spec } });
    assert.equal(answer.code, 201, answer.text);
    assert.ok(!answer.text.includes("kedge") && !warningsOf(answer).some((text) => text.startsWith("kedge")));
  });

test("what every cluster has from the start has no event", () => {
  assert.deepEqual(
    api.recorded.filter((one) => !/ (w|plain|v1\.a\.example\.com|10\.43\.0\.77):/.test(one)),
    [],
  );
});

test("a Service is warned of when it becomes a load balancer, once with an event, and others are not", async () => {
  assert.deepEqual(warningsOf(await api.server.ask(`POST ${space}`, { body: service("plain", "ClusterIP") })), []);
  const headers = { "content-type": "application/merge-patch+json" };
  const patch = (body: object): Promise<TestAnswer> => api.server.ask(`PATCH ${space}/plain`, { body, headers });
  assert.equal(warningsOf(await patch({ spec: { type: "LoadBalancer" } })).length, 1);
  assert.equal(warningsOf(await patch({ metadata: { labels: { a: "b" } } })).length, 1);
  assert.equal(api.recorded.filter((one) => one.startsWith("Service plain:")).length, 1);
});

test("what was not written has no event", async () => {
  const answer = await api.server.ask(`POST ${space}?dryRun=All`, { body: service("dry", "LoadBalancer") });
  assert.equal(warningsOf(answer).length, 1);
  assert.ok(!api.recorded.some((one) => one.startsWith("Service dry:")));
});
