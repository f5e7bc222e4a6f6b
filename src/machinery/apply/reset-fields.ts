/**
 * What a write to a kind or one of its subresources cannot change, and therefore nobody comes to manage by it. The
 * standard is: the object leaves its status alone and the status everything in spec; the table holds what is special.
 */
import { own } from "#base/own.ts";
import { leaf, setOf, type FieldSet } from "./field-set.ts";

export interface Written {
  readonly apiVersion: string;
  readonly kind: string;
  /** Whether the kind has a status subresource. */
  readonly status: boolean;
  /** True for custom resources. */
  readonly custom?: boolean;
}

const statusOnly = setOf([["status"]]);
const specOnly = setOf([["spec"]]);
const allButStatus = setOf([["metadata"], ["spec"]]);

/** By group and kind, and the subresource. */
const special: Readonly<Record<string, FieldSet>> = {
  "/Pod/status": setOf([["spec"], ["metadata", "deletionTimestamp"], ["metadata", "ownerReferences"]]),
  "/Namespace/finalize": statusOnly,
  "apps/Deployment/status": setOf([["spec"], ["metadata", "labels"]]),
  "certificates.k8s.io/CertificateSigningRequest/": setOf([["spec"], ["status"]]),
  "certificates.k8s.io/CertificateSigningRequest/status": setOf([["spec"], ["status", "conditions"]]),
  "certificates.k8s.io/CertificateSigningRequest/approval": setOf([["spec"], ["status", "certificate"]]),
  "admissionregistration.k8s.io/ValidatingAdmissionPolicy/status": allButStatus,
  "apiextensions.k8s.io/CustomResourceDefinition/status": allButStatus,
  "apiregistration.k8s.io/APIService/status": allButStatus,
  "flowcontrol.apiserver.k8s.io/FlowSchema/status": allButStatus,
  "flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration/status": allButStatus,
  "networking.k8s.io/ServiceCIDR/status": allButStatus,
  "resource.k8s.io/ResourceClaim/status": allButStatus,
  "storage.k8s.io/VolumeAttachment/status": allButStatus,
};

export function resetFields({ apiVersion, kind, status, custom }: Written, subresource: string): FieldSet {
  const slash = apiVersion.indexOf("/");
  const known = own(special, `${slash < 0 ? "" : apiVersion.slice(0, slash)}/${kind}/${subresource}`);
  if (known) return known;
  if (!status) return leaf;
  if (subresource === "status") return custom === true ? allButStatus : specOnly;
  return subresource === "" ? statusOnly : leaf;
}
