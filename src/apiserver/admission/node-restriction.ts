/**
 * A node may change its own Node, its own pods' status and its own lease, and may not give itself labels that decide
 * which pods it gets.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction
 */
import { own } from "#base/own.ts";
import type { Informer } from "#client/informer.ts";
import type { Node } from "#resources/core/node.ts";
import type { Pod } from "#resources/core/pod.ts";
import { forbidden } from "#machinery/status.ts";
import type { AdmissionPlugin, AdmissionRequest } from "../access.ts";
import { nodeNameOf } from "../authorization/node.ts";
import { targetOf } from "./target.ts";

const mirrorAnnotation = "kubernetes.io/config.mirror";
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

export function nodeRestriction(podInformer: Informer<Pod>): AdmissionPlugin {
  return {
    name: "NodeRestriction",
    handles: (request) => nodeNameOf(request.user) !== undefined,
    validate: async (request) => {
      const node = nodeNameOf(request.user) ?? "";
      switch (request.resource.id) {
        case "nodes":
          return checkNode(node, request);
        case "pods":
          return checkPod({ node, request, podInformer });
        case "leases.coordination.k8s.io":
          if (request.key.namespace !== "kube-node-lease" || nameOf(request) !== node)
            throw forbidden(targetOf(request), `node "${node}" can only access its own lease in kube-node-lease`);
          return undefined;
        case "csinodes.storage.k8s.io":
          if (nameOf(request) !== node)
            throw forbidden(targetOf(request), `node "${node}" can only access its own CSINode`);
          return undefined;
        default:
          return undefined;
      }
    },
  };
}

function nameOf(request: AdmissionRequest): string {
  return request.key.name === "" ? (request.object?.metadata.name ?? "") : request.key.name;
}

function checkNode(node: string, request: AdmissionRequest): void {
  if (nameOf(request) !== node)
    throw forbidden(targetOf(request), `node "${node}" is not allowed to modify node "${nameOf(request)}"`);
  if (request.operation === "delete") throw forbidden(targetOf(request), `node "${node}" cannot delete nodes`);
  const before = request.old?.metadata.labels ?? {};
  const after = request.object?.metadata.labels ?? {};
  const changed = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (key) => own(before, key) !== own(after, key),
  );
  const refused = changed.filter((key) => !mayLabelItself(key));
  if (refused.length > 0)
    throw forbidden(targetOf(request), `is not allowed to modify labels: ${refused.toSorted().join(", ")}`);
  if (request.operation !== "update" || request.subresource !== "") return;
  // Holds because this is only called for nodes.
  const was = request.old as Node;
  const is = request.object as Node;
  if (JSON.stringify(was.spec.taints ?? []) !== JSON.stringify(is.spec.taints ?? []))
    throw forbidden(targetOf(request), `node "${node}" is not allowed to modify taints`);
}

function mayLabelItself(key: string): boolean {
  const domain = key.includes("/") ? key.slice(0, key.indexOf("/")) : "";
  const reserved = ["kubernetes.io", "k8s.io"].some((name) => domain === name || domain.endsWith(`.${name}`));
  if (!reserved || nodeLabels.has(key)) return true;
  return (
    domain === "kubelet.kubernetes.io" ||
    domain.endsWith(".kubelet.kubernetes.io") ||
    domain === "node.kubernetes.io" ||
    domain.endsWith(".node.kubernetes.io")
  );
}

interface PodCheck {
  readonly node: string;
  readonly request: AdmissionRequest;
  readonly podInformer: Informer<Pod>;
}

function checkPod({ node, request, podInformer }: PodCheck): void {
  if (request.operation === "create" && request.subresource === "") {
    // Holds because this is only called for pods.
    const pod = request.object as Pod;
    if (pod.metadata.annotations?.[mirrorAnnotation] === undefined)
      throw forbidden(
        targetOf(request),
        `pod does not have "${mirrorAnnotation}" annotation, node "${node}" can only create mirror pods`,
      );
    if (pod.spec.nodeName !== node)
      throw forbidden(targetOf(request), `node "${node}" can only create pods with spec.nodeName set to itself`);
    return;
  }
  const pod = podInformer.get(request.key);
  const bound = pod?.spec.nodeName ?? (request.old as unknown as Pod | undefined)?.spec.nodeName;
  if (bound !== undefined && bound !== node)
    throw forbidden(targetOf(request), `node "${node}" can only change pods with spec.nodeName set to itself`);
}
