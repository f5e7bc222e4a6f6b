/**
 * What the API server does differently for some kinds. Everything not listed is standard: an update needs an existing
 * object but no resourceVersion, a deletion answers with a Status, dependents are collected in the background.
 */
import type { ResourceDefinition } from "#machinery/resource.ts";
import {
  customResourceCleanup,
  customResourceDefinitions,
} from "#resources/apiextensions/custom-resource-definition.ts";

export interface KindRules {
  /** A PUT of an object that is not there creates it. */
  readonly createdByUpdate: boolean;
  /** A PUT must carry the resourceVersion. */
  readonly versionRequired: boolean;
  /** A deletion answers with the deleted object. */
  readonly deletedIsReturned: boolean;
  /** What happens to dependents when a deletion does not say: "none" also ignores what it says. */
  readonly dependents: "background" | "orphan" | "none";
  /** A deletion adds this finalizer first: something is to be done before the object goes. */
  readonly deletionFinalizer: string | undefined;
  /** Labels are kept on a status update. */
  readonly statusKeepsLabels: boolean;
}

const createdByUpdate = new Set([
  "runtimeclasses.node.k8s.io",
  "rolebindings.rbac.authorization.k8s.io",
  "clusterrolebindings.rbac.authorization.k8s.io",
  "roles.rbac.authorization.k8s.io",
  "clusterroles.rbac.authorization.k8s.io",
  "leases.coordination.k8s.io",
  "limitranges",
  "events",
  "events.events.k8s.io",
  "services",
  "endpoints",
]);

const versionRequired = new Set([
  "runtimeclasses.node.k8s.io",
  "poddisruptionbudgets.policy",
  "csidrivers.storage.k8s.io",
  "csistoragecapacities.storage.k8s.io",
  "volumeattachments.storage.k8s.io",
  "csinodes.storage.k8s.io",
  "leases.coordination.k8s.io",
  "validatingadmissionpolicies.admissionregistration.k8s.io",
  "validatingadmissionpolicybindings.admissionregistration.k8s.io",
  "mutatingadmissionpolicies.admissionregistration.k8s.io",
  "mutatingadmissionpolicybindings.admissionregistration.k8s.io",
  "validatingwebhookconfigurations.admissionregistration.k8s.io",
  "mutatingwebhookconfigurations.admissionregistration.k8s.io",
  "customresourcedefinitions.apiextensions.k8s.io",
]);

const deletedIsReturned = new Set([
  "resourceclaimtemplates.resource.k8s.io",
  "resourceslices.resource.k8s.io",
  "resourceclaims.resource.k8s.io",
  "deviceclasses.resource.k8s.io",
  "csidrivers.storage.k8s.io",
  "storageclasses.storage.k8s.io",
  "volumeattachments.storage.k8s.io",
  "csinodes.storage.k8s.io",
  "volumeattributesclasses.storage.k8s.io",
  "resourcequotas",
  "persistentvolumes",
  "serviceaccounts",
  "persistentvolumeclaims",
  "namespaces",
  "pods",
  "services",
  "podtemplates",
]);

const orphaned = new Set(["replicationcontrollers", "jobs.batch"]);
const withoutDependents = new Set(["events", "events.events.k8s.io"]);
const statusKeepsLabels = new Set(["deployments.apps"]);

/** @param custom True for a kind that a CustomResourceDefinition declares. */
export function rulesOf(definition: ResourceDefinition, custom: boolean): KindRules {
  const { id } = definition;
  return {
    createdByUpdate: createdByUpdate.has(id),
    versionRequired: custom || versionRequired.has(id),
    deletedIsReturned: deletedIsReturned.has(id),
    dependents: orphaned.has(id) ? "orphan" : withoutDependents.has(id) ? "none" : "background",
    deletionFinalizer: id === customResourceDefinitions.id ? customResourceCleanup : undefined,
    statusKeepsLabels: statusKeepsLabels.has(id),
  };
}
