/**
 * A node may change its own Node, its own pods' status and its own lease, and may not give itself labels that decide
 * which pods it gets. What it may read is said in authorization/node.ts.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction
 */
import { own } from "#base/own.ts";
import type { Informer } from "#client/informer.ts";
import { deepEqual } from "#machinery/equal.ts";
import type { KubeObject } from "#machinery/meta.ts";
import { forbidden, notFound } from "#machinery/status.ts";
import type { CertificateSigningRequest } from "#resources/certificates/certificate-signing-request.ts";
import type { Node } from "#resources/core/node.ts";
import type { PersistentVolumeClaim } from "#resources/core/persistent-volume-claim.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { ResourceSlice } from "#resources/resource/resource-slice.ts";
import { readRequest } from "#wire/x509.ts";
import { kubeletClientSigner, kubeletServingSigner, requestOf } from "./certificate-requests.ts";
import type { AdmissionPlugin, AdmissionRequest } from "../access.ts";
import { nodeNameOf } from "../authorization/node.ts";
import { apiReferenceOf, isMirror, mirrorAnnotation } from "../pod-references.ts";
import { targetOf } from "./target.ts";
import type { PodSeen } from "../pod-view.ts";

const nodeLabels = new Set([
  "kubernetes.io/hostname",
  "kubernetes.io/arch",
  "kubernetes.io/os",
  "beta.kubernetes.io/arch",
  "beta.kubernetes.io/os",
  "node.kubernetes.io/instance-type",
  "beta.kubernetes.io/instance-type",
  "topology.kubernetes.io/zone",
  "topology.kubernetes.io/region",
  "failure-domain.beta.kubernetes.io/zone",
  "failure-domain.beta.kubernetes.io/region",
]);

interface NodeParts {
  readonly pods: Informer<PodSeen>;
  readonly nodes: Informer<Node>;
}

interface NodeWrite extends NodeParts {
  readonly node: string;
  readonly request: AdmissionRequest;
}

/** By the resource's id. Resources that are not listed are decided by authorization alone. */
const checks = new Map<string, (write: NodeWrite) => void>([
  ["nodes", checkNode],
  ["pods", checkPod],
  ["persistentvolumeclaims", checkClaim],
  ["leases.coordination.k8s.io", checkLease],
  ["csinodes.storage.k8s.io", checkCsiNode],
  ["resourceslices.resource.k8s.io", checkResourceSlice],
  ["certificatesigningrequests.certificates.k8s.io", checkSigningRequest],
]);

export function nodeRestriction(parts: NodeParts): AdmissionPlugin {
  return {
    name: "NodeRestriction",
    handles: (request) => nodeNameOf(request.user) !== undefined,
    validate: async (request) => {
      const node = nodeNameOf(request.user) ?? "";
      if (node === "")
        throw forbidden(targetOf(request), `could not determine node from user ${JSON.stringify(request.user.name)}`);
      checks.get(request.resource.id)?.({ ...parts, node, request });
    },
  };
}

function refuse({ request }: NodeWrite, why: string): never {
  throw forbidden(targetOf(request), why);
}

function nameOf(request: AdmissionRequest): string {
  return request.key.name === "" ? (request.object?.metadata.name ?? "") : request.key.name;
}

function checkNode(write: NodeWrite): void {
  const { node, request } = write;
  if (nameOf(request) !== node) refuse(write, `node "${node}" is not allowed to modify node "${nameOf(request)}"`);
  if (request.operation === "delete") refuse(write, `node "${node}" cannot delete nodes`);
  // Both hold because this is only called for nodes.
  const old = request.old as Node | undefined;
  const now = request.object as Node;
  checkLabels(write, { before: old?.metadata.labels ?? {}, after: now.metadata.labels ?? {} });
  // Differs from upstream: a node's range of pod addresses is given to it, since it steers the routes of all others.
  if (!deepEqual(rangesOf(now), old ? rangesOf(old) : { podCIDR: "", podCIDRs: [] }))
    refuse(write, `node "${node}" is not allowed to modify podCIDR`);
  if (now.spec.configSource !== undefined && !deepEqual(now.spec.configSource, old?.spec.configSource))
    refuse(write, `node "${node}" is not allowed to update configSource to a new non-nil configSource`);
  if (!old) return;
  if (!deepEqual(old.spec.taints ?? [], now.spec.taints ?? []))
    refuse(write, `node "${node}" is not allowed to modify taints`);
  if (!deepEqual(old.metadata.ownerReferences ?? [], now.metadata.ownerReferences ?? []))
    refuse(write, `node "${node}" is not allowed to modify ownerReferences`);
}

function rangesOf({ spec }: Node): object {
  return { podCIDR: spec.podCIDR ?? "", podCIDRs: spec.podCIDRs ?? [] };
}

type Labels = Readonly<Record<string, string>>;

function checkLabels(write: NodeWrite, { before, after }: { readonly before: Labels; readonly after: Labels }): void {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  const changed = [...keys].filter((key) => own(before, key) !== own(after, key));
  const refused = changed.filter((key) => !mayLabelItself(key)).toSorted();
  if (refused.length === 0) return;
  const list = refused.join(", ");
  if (write.request.old) refuse(write, `is not allowed to modify labels: ${list}`);
  refuse(write, `node "${write.node}" is not allowed to set the following labels: ${list}`);
}

function mayLabelItself(key: string): boolean {
  const domain = key.includes("/") ? key.slice(0, key.indexOf("/")) : "";
  const isBelow = (name: string): boolean => domain === name || domain.endsWith(`.${name}`);
  if (isBelow("node-restriction.kubernetes.io")) return false;
  if (!isBelow("kubernetes.io") && !isBelow("k8s.io")) return true;
  return nodeLabels.has(key) || isBelow("kubelet.kubernetes.io") || isBelow("node.kubernetes.io");
}

function checkPod(write: NodeWrite): void {
  const { node, request } = write;
  const { operation, subresource } = request;
  // Each cast holds because this is only called for pods, where `old` is the pod that is there.
  const old = (request.old as Pod | undefined) ?? write.pods.get(request.key);
  const isOwn = old?.spec.nodeName === node;
  switch (`${operation} ${subresource}`) {
    case "create ":
      return checkMirror(write, request.object as Pod);
    case "delete ":
      return isOwn ? undefined : refuse(write, `node "${node}" can only delete pods with spec.nodeName set to itself`);
    case "update status":
      if (!isOwn) refuse(write, `node "${node}" can only update pod status for pods with spec.nodeName set to itself`);
      return checkPodStatus(write, { now: request.object as Pod, old });
    case "create eviction":
      return isOwn ? undefined : refuse(write, `node ${node} can only evict pods with spec.nodeName set to itself`);
    default:
      if (subresource !== "")
        refuse(write, `unexpected pod subresource "${subresource}", only 'status' and 'eviction' are allowed`);
      return refuse(
        write,
        `unexpected operation "${operation.toUpperCase()}", node "${node}" can only create and delete mirror pods`,
      );
  }
}

function checkPodStatus(write: NodeWrite, { now, old }: { readonly now: Pod; readonly old: PodSeen }): void {
  const { node } = write;
  if (!deepEqual(old.metadata.labels ?? {}, now.metadata.labels ?? {}))
    refuse(write, `node "${node}" cannot update labels through pod status`);
  if (!deepEqual(old.status.resourceClaimStatuses ?? [], now.status.resourceClaimStatuses ?? []))
    refuse(write, `node "${node}" cannot update resource claim statues`);
  if (!deepEqual(old.status.extendedResourceClaimStatus, now.status.extendedResourceClaimStatus))
    refuse(write, `node "${node}" cannot update extended resource claim status`);
}

/** A pod that a node makes shows what runs there already: it is bound to the node, owned by it and refers to nothing. */
function checkMirror(write: NodeWrite, pod: Pod): void {
  const { node, request } = write;
  if (!isMirror(pod))
    refuse(write, `pod does not have "${mirrorAnnotation}" annotation, node "${node}" can only create mirror pods`);
  if (pod.spec.nodeName !== node) refuse(write, `node "${node}" can only create pods with spec.nodeName set to itself`);
  const [owner, ...others] = pod.metadata.ownerReferences ?? [];
  if (others.length > 0)
    refuse(write, `node "${node}" can only create pods with a single owner reference set to itself`);
  if (!owner || owner.apiVersion !== "v1" || owner.kind !== "Node" || owner.name !== node)
    refuse(write, `node "${node}" can only create pods with an owner reference set to itself`);
  if (owner.controller !== true)
    refuse(write, `node "${node}" can only create pods with a controller owner reference set to itself`);
  if (owner.blockOwnerDeletion === true)
    refuse(write, `node "${node}" must not set blockOwnerDeletion on an owner reference`);
  const own = write.nodes.get({ namespace: "", name: node });
  if (!own) throw notFound({ group: "", resource: "nodes", name: node });
  if (owner.uid !== own.metadata.uid)
    refuse(write, `node ${node} UID mismatch: expected ${owner.uid} got ${own.metadata.uid}`);
  const reference = apiReferenceOf(request.object as Pod);
  if (reference !== undefined) refuse(write, `node "${node}" can not create pods that reference ${reference}`);
}

const ofTheVolume = new Set(["capacity", "conditions", "allocatedResources", "allocatedResourceStatuses"]);

function checkClaim(write: NodeWrite): void {
  const { request, node } = write;
  if (request.subresource !== "status") refuse(write, "may only update PVC status");
  if (request.operation !== "update") refuse(write, `unexpected operation "${request.operation.toUpperCase()}"`);
  // Both hold because this is only called for claims, and an update has an old object.
  const [old, now] = [request.old as PersistentVolumeClaim, request.object as PersistentVolumeClaim];
  if (!deepEqual(withoutVolume(old), withoutVolume(now)))
    refuse(write, `node "${node}" is not allowed to update fields other than status.quantity and status.conditions`);
}

function withoutVolume(claim: PersistentVolumeClaim): object {
  const { resourceVersion: _, managedFields: __, ...metadata } = claim.metadata;
  const status = Object.fromEntries(Object.entries(claim.status).filter(([name]) => !ofTheVolume.has(name)));
  return { ...claim, metadata, status };
}

function checkLease(write: NodeWrite): void {
  const { request, node } = write;
  if (request.key.namespace !== "kube-node-lease")
    refuse(write, 'can only access leases in the "kube-node-lease" system namespace');
  if (nameOf(request) !== node) refuse(write, "can only access node lease with the same name as the requesting node");
}

function checkCsiNode(write: NodeWrite): void {
  if (nameOf(write.request) !== write.node)
    refuse(write, "can only access CSINode with the same name as the requesting node");
}

function checkResourceSlice(write: NodeWrite): void {
  const { request, node } = write;
  const nodeOf = (object: KubeObject | undefined): string | undefined =>
    // Holds because this is only called for slices.
    (object as ResourceSlice | undefined)?.spec.nodeName;
  const which = { create: request.object, delete: request.old, update: request.old, connect: undefined };
  if (nodeOf(which[request.operation]) !== node)
    refuse(write, `can only ${request.operation} ResourceSlice with the same NodeName as the requesting node`);
}

/** For kubelets' certificates a node asks in its own name only. */
function checkSigningRequest(write: NodeWrite): void {
  const { request, node } = write;
  if (request.operation !== "create") return;
  // Holds because this is only called for signing requests.
  const { spec } = request.object as CertificateSigningRequest;
  if (spec.signerName !== kubeletServingSigner && spec.signerName !== kubeletClientSigner) return;
  let commonNames: readonly string[];
  try {
    ({ commonNames } = readRequest(requestOf(spec)).subject);
  } catch {
    refuse(write, "unable to parse csr: expected one certificate request in PEM");
  }
  if (commonNames.length !== 1 || commonNames[0] !== `system:node:${node}`)
    refuse(write, `can only create a node CSR with CN=system:node:${node}`);
}
