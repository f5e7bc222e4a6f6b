/**
 * What is stored and not acted on yet says so: to the person who writes it as a warning, and on the object as an event.
 * A row goes when its feature comes.
 */
import type { Recorder } from "#client/recorder.ts";
import type { KubeObject } from "#machinery/meta.ts";
import type { APIService } from "#resources/apiregistration/api-service.ts";
import type { PersistentVolumeClaim } from "#resources/core/persistent-volume-claim.ts";
import type { PersistentVolume } from "#resources/core/persistent-volume.ts";
import type { Service } from "#resources/core/service.ts";
import type { AdmissionPlugin, AdmissionRequest } from "../access.ts";

interface Row {
  readonly sentence: string;
  /** Without it, every object of the kind. */
  readonly concerns?: (object: KubeObject) => boolean;
}

const webhooks = "kedge does not call admission webhooks yet: requests are let through without asking this one";
const policies = "kedge does not evaluate admission policies yet: requests are let through without asking this one";

const shares =
  "kedge shares out its time by fixed seats, not by flow schemas and priority levels: this one changes nothing";
const devices = "kedge does not allocate devices yet: pods that claim some wait";
const drivers = "kedge does not mount volumes of CSI drivers yet: pods with such volumes wait";

/** Those that every cluster has say how it is without them. */
const isMandatory = ({ metadata: { name } }: KubeObject): boolean => name === "exempt" || name === "catch-all";

/** By the resource's id. Each cast holds because the id says which kind the objects are. */
const rows = new Map<string, Row>([
  [
    "networkpolicies.networking.k8s.io",
    { sentence: "kedge does not enforce network policies yet: all traffic that this one forbids is let through" },
  ],
  [
    "services",
    {
      sentence: "kedge has no load balancer yet: this Service gets no external address, only its node ports",
      concerns: (object) => (object as Service).spec.type === "LoadBalancer",
    },
  ],
  [
    "ingresses.networking.k8s.io",
    { sentence: "kedge does not serve ingresses yet: this one works only with an ingress controller of your own" },
  ],
  ["validatingwebhookconfigurations.admissionregistration.k8s.io", { sentence: webhooks }],
  ["mutatingwebhookconfigurations.admissionregistration.k8s.io", { sentence: webhooks }],
  ["validatingadmissionpolicies.admissionregistration.k8s.io", { sentence: policies }],
  ["validatingadmissionpolicybindings.admissionregistration.k8s.io", { sentence: policies }],
  ["mutatingadmissionpolicies.admissionregistration.k8s.io", { sentence: policies }],
  ["mutatingadmissionpolicybindings.admissionregistration.k8s.io", { sentence: policies }],
  [
    "apiservices.apiregistration.k8s.io",
    {
      sentence: "kedge does not pass requests on to other API servers yet: this API is not served",
      concerns: (object) => (object as APIService).spec.service !== undefined,
    },
  ],
  [
    "certificatesigningrequests.certificates.k8s.io",
    { sentence: "kedge does not sign certificate requests yet: this one waits for a signer of your own" },
  ],
  [
    "horizontalpodautoscalers.autoscaling",
    { sentence: "kedge does not scale by horizontal pod autoscalers yet: the number of replicas stays as it is" },
  ],
  [
    "persistentvolumeclaims",
    {
      sentence: "kedge does not copy data into new volumes yet: one that is made for this claim is empty",
      concerns: (object) => {
        const { dataSource, dataSourceRef } = (object as PersistentVolumeClaim).spec;
        return dataSource !== undefined || dataSourceRef !== undefined;
      },
    },
  ],
  [
    "persistentvolumes",
    {
      sentence: "kedge mounts only hostPath and local volumes yet: pods with this one wait",
      concerns: (object) => {
        const { hostPath, local } = (object as PersistentVolume).spec;
        return hostPath === undefined && local === undefined;
      },
    },
  ],
  ["csidrivers.storage.k8s.io", { sentence: drivers }],
  ["csinodes.storage.k8s.io", { sentence: drivers }],
  [
    "csistoragecapacities.storage.k8s.io",
    { sentence: "kedge does not look at storage capacities yet: pods are placed without this one" },
  ],
  ["volumeattachments.storage.k8s.io", { sentence: "kedge does not attach volumes yet: this one waits for a driver" }],
  [
    "volumeattributesclasses.storage.k8s.io",
    { sentence: "kedge does not change volumes by attributes classes yet: claims with this one stay as they are" },
  ],
  ["resourceclaims.resource.k8s.io", { sentence: devices }],
  ["resourceclaimtemplates.resource.k8s.io", { sentence: devices }],
  ["resourceslices.resource.k8s.io", { sentence: devices }],
  ["deviceclasses.resource.k8s.io", { sentence: devices }],
  [
    "servicecidrs.networking.k8s.io",
    {
      sentence: "kedge gives Services addresses only from the range it was started with: none from this one",
      concerns: ({ metadata }) => metadata.name !== "kubernetes",
    },
  ],
  ["flowschemas.flowcontrol.apiserver.k8s.io", { sentence: shares, concerns: (object) => !isMandatory(object) }],
  [
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",
    { sentence: shares, concerns: (object) => !isMandatory(object) },
  ],
]);

/** The ids of the kinds of which something is not acted on. */
export const notActedOnIds: ReadonlySet<string> = new Set(rows.keys());

function sentenceOf({ resource }: AdmissionRequest, object: KubeObject | undefined): string | undefined {
  const row = rows.get(resource.id);
  if (!row || !object || row.concerns?.(object) === false) return undefined;
  return row.sentence;
}

export function notActedOn(recorder: Recorder): AdmissionPlugin {
  return {
    name: "NotActedOn",
    handles: ({ resource, operation, subresource, object }) =>
      rows.has(resource.id) && subresource === "" && object !== undefined && operation !== "delete",
    validate: async (request) => {
      const sentence = sentenceOf(request, request.object);
      if (sentence !== undefined) request.warn(sentence);
    },
    stored: (request) => {
      const { object, old } = request;
      const message = sentenceOf(request, object);
      // An event for what is new, not for every change of it.
      if (!object || message === undefined || sentenceOf(request, old) !== undefined) return;
      recorder.record(object, { type: "Warning", reason: "NotActedOn", message });
    },
  };
}
