/** The smallest good object of each kind that can be created, from which the hostile ones are made. */
import type { JsonObject } from "#machinery/shape.ts";

const spec = { containers: [{ name: "a", image: "b" }] };
const template = { metadata: { labels: { a: "b" } }, spec };
const selector = { matchLabels: { a: "b" } };
const once = { ...template, spec: { ...spec, restartPolicy: "Never" } };
const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" };
const rules = [{ verbs: ["get"], apiGroups: [""], resources: ["pods"] }];
const subjects = [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "u" }];
const policyRules = [{ operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods"] }];
const webhook = {
  name: "a.b.c",
  sideEffects: "None",
  admissionReviewVersions: ["v1"],
  clientConfig: { service: { namespace: "n", name: "s", path: "/x" } },
  rules: policyRules,
};
const claim = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } };
const devices = { requests: [{ name: "gpu", exactly: { deviceClassName: "gpu.example.com" } }] };
const asked = { resourceAttributes: { verb: "get", resource: "pods", namespace: "attack" }, user: "u" };
const schema = {
  type: "object",
  properties: {
    spec: {
      type: "object",
      properties: {
        cron: { type: "string", pattern: "^a+$", maxLength: 9 },
        size: { type: "integer", minimum: 1 },
        parts: {
          type: "array",
          items: { type: "object", properties: { name: { type: "string" } }, required: ["name"] },
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["name"],
        },
      },
    },
  },
};

/** By kind; what is not here is created with nothing but its metadata. */
export const validObjects: Readonly<Record<string, JsonObject>> = {
  Pod: { spec },
  PodTemplate: { template },
  ReplicationController: { spec: { template } },
  Deployment: { spec: { selector, template } },
  ReplicaSet: { spec: { selector, template } },
  StatefulSet: { spec: { selector, template, serviceName: "s" } },
  DaemonSet: { spec: { selector, template } },
  ControllerRevision: { revision: 1, data: { a: 1 } },
  Job: { spec: { template: once } },
  CronJob: { spec: { schedule: "*/5 1-3 * jan,feb mon", jobTemplate: { spec: { template: once } } } },
  Service: { spec: { ports: [{ port: 80, targetPort: "http" }], selector: { a: "b" } } },
  Endpoints: { subsets: [{ addresses: [{ ip: "10.0.0.1" }], ports: [{ port: 80 }] }] },
  EndpointSlice: { addressType: "IPv4", endpoints: [{ addresses: ["10.0.0.1"] }], ports: [{ port: 80 }] },
  ConfigMap: { data: { a: "b" }, binaryData: { c: "AAAA" } },
  Secret: { stringData: { a: "b" }, data: { c: "AAAA" } },
  Event: { involvedObject: { kind: "Pod", name: "p", namespace: "attack" }, reason: "R", message: "m", type: "Normal" },
  LimitRange: { spec: { limits: [{ type: "Container", max: { cpu: "1" } }] } },
  ResourceQuota: { spec: { hard: { pods: "1000", "requests.cpu": "1000" } } },
  PersistentVolumeClaim: { spec: claim },
  PersistentVolume: {
    spec: { accessModes: ["ReadWriteOnce"], capacity: { storage: "1Gi" }, hostPath: { path: "/x" } },
  },
  Binding: { target: { kind: "Node", name: "n" } },
  Role: { rules },
  ClusterRole: { rules, aggregationRule: { clusterRoleSelectors: [selector] } },
  RoleBinding: { roleRef, subjects },
  ClusterRoleBinding: { roleRef, subjects },
  NetworkPolicy: {
    spec: { podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] } }] }] },
  },
  Ingress: {
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
  IngressClass: { spec: { controller: "kedge.dev/ingress" } },
  IPAddress: { spec: { parentRef: { group: "", resource: "services", name: "s", namespace: "attack" } } },
  ServiceCIDR: { spec: { cidrs: ["10.9.0.0/16"] } },
  PodDisruptionBudget: { spec: { minAvailable: "50%", selector } },
  HorizontalPodAutoscaler: { spec: { maxReplicas: 3, scaleTargetRef: { kind: "Deployment", name: "d" } } },
  StorageClass: { provisioner: "kedge.dev/local" },
  VolumeAttachment: { spec: { attacher: "a.b", nodeName: "n", source: { persistentVolumeName: "p" } } },
  VolumeAttributesClass: { driverName: "a.b", parameters: { a: "b" } },
  CSIDriver: { spec: { attachRequired: false } },
  CSINode: { spec: { drivers: [{ name: "a.b", nodeID: "n" }] } },
  CSIStorageCapacity: { storageClassName: "local", capacity: "1Gi" },
  PriorityClass: { value: 1000 },
  RuntimeClass: { handler: "runc" },
  Lease: { spec: { leaseDurationSeconds: 15, holderIdentity: "me" } },
  CertificateSigningRequest: {
    spec: { request: "AAAA", signerName: "kubernetes.io/kube-apiserver-client", usages: ["client auth"] },
  },
  FlowSchema: { spec: { priorityLevelConfiguration: { name: "x" } } },
  PriorityLevelConfiguration: {
    spec: { type: "Limited", limited: { nominalConcurrencyShares: 1, limitResponse: { type: "Reject" } } },
  },
  ValidatingWebhookConfiguration: { webhooks: [webhook] },
  MutatingWebhookConfiguration: { webhooks: [webhook] },
  ValidatingAdmissionPolicy: {
    spec: { matchConstraints: { resourceRules: policyRules }, validations: [{ expression: "true" }] },
  },
  ValidatingAdmissionPolicyBinding: { spec: { policyName: "p", validationActions: ["Deny"] } },
  MutatingAdmissionPolicy: {
    spec: {
      matchConstraints: { resourceRules: policyRules },
      reinvocationPolicy: "Never",
      mutations: [{ patchType: "JSONPatch", jsonPatch: { expression: "[]" } }],
    },
  },
  MutatingAdmissionPolicyBinding: { spec: { policyName: "p" } },
  ResourceClaim: { spec: { devices } },
  ResourceClaimTemplate: { spec: { spec: { devices } } },
  DeviceClass: { spec: { selectors: [{ cel: { expression: "true" } }] } },
  ResourceSlice: {
    spec: {
      driver: "a.b",
      nodeName: "n",
      pool: { name: "p", generation: 1, resourceSliceCount: 1 },
      devices: [{ name: "d" }],
    },
  },
  APIService: { spec: { group: "a.example.com", version: "v1", groupPriorityMinimum: 1000, versionPriority: 15 } },
  CustomResourceDefinition: {
    spec: {
      group: "example.com",
      scope: "Namespaced",
      names: { plural: "tabs", kind: "Tab" },
      versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: schema } }],
    },
  },
  TokenReview: { spec: { token: "a.b.c" } },
  SubjectAccessReview: { spec: asked },
  LocalSubjectAccessReview: { spec: asked },
  SelfSubjectAccessReview: { spec: { resourceAttributes: asked.resourceAttributes } },
  SelfSubjectRulesReview: { spec: { namespace: "attack" } },
};
