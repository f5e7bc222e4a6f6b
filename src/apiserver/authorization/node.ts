/**
 * The node authorizer: a node may read what pods bound to it refer to, and change what is its own, and nothing else.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/node/
 */
import type { Informer, InformerFactory } from "#client/informer.ts";
import { persistentVolumeClaims, type PersistentVolumeClaim } from "#resources/core/persistent-volume-claim.ts";
import { persistentVolumes, type PersistentVolume } from "#resources/core/persistent-volume.ts";
import { pods, type Pod } from "#resources/core/pod.ts";
import type { Volume } from "#resources/core/volume.ts";
import type { Attributes, Authorizer, Decision } from "../access.ts";
import { defaultClusterRoles } from "./default-roles.ts";
import { ruleAllows } from "./rule.ts";

type Asked = Extract<Attributes, { kind: "resource" }>;

const nodePrefix = "system:node:";
const allowed: Decision = { kind: "allowed", reason: "node authorizer" };
const unsure = (reason: string): Decision => ({ kind: "unsure", reason });

/** The node a user stands for; undefined for anyone else. */
export function nodeNameOf(user: { readonly name: string; readonly groups: readonly string[] }): string | undefined {
  const isNode = user.name.startsWith(nodePrefix) && user.groups.includes("system:nodes");
  return isNode ? user.name.slice(nodePrefix.length) : undefined;
}

export class NodeAuthorizer implements Authorizer {
  private readonly pods: Informer<Pod>;
  private readonly claims: Informer<PersistentVolumeClaim>;
  private readonly volumes: Informer<PersistentVolume>;
  private readonly nodeRules = defaultClusterRoles.find((role) => role.name === "system:node")?.rules ?? [];

  constructor(informers: InformerFactory) {
    this.pods = informers.informer(pods);
    this.claims = informers.informer(persistentVolumeClaims);
    this.volumes = informers.informer(persistentVolumes);
    this.pods.addIndex("node", (pod) => (pod.spec.nodeName === undefined ? [] : [pod.spec.nodeName]));
  }

  authorize(attributes: Attributes): Decision {
    const node = nodeNameOf(attributes.user);
    if (node === undefined) return unsure("");
    if (attributes.kind === "resource") {
      const special = this.special(node, attributes);
      if (special) return special;
    }
    return this.nodeRules.some((rule) => ruleAllows(rule, attributes)) ? allowed : unsure("not a rule of nodes");
  }

  /** What depends on the node or its pods; undefined for what the fixed rules decide. */
  private special(node: string, asked: Asked): Decision | undefined {
    switch (asked.resource) {
      case "secrets":
      case "configmaps":
        return this.reading(asked, (namespace, name) =>
          this.podRefersTo(node, { resource: asked.resource, namespace, name }),
        );
      case "persistentvolumeclaims":
        if (asked.verb !== "get" && asked.subresource !== "status") return unsure("nodes may only get claims");
        return this.decide(this.podUsesClaim(node, asked.namespace, asked.name), asked);
      case "persistentvolumes":
        return this.reading(asked, (_, name) => this.podUsesVolume(node, name));
      case "serviceaccounts":
        if (asked.subresource !== "token" || asked.verb !== "create") return unsure("nodes may only create tokens");
        return this.decide(this.podRunsAs(node, asked.namespace, asked.name), asked);
      case "leases":
        if (asked.namespace !== "kube-node-lease") return unsure("nodes may only use their lease");
        return asked.verb === "create" ? allowed : this.decide(asked.name === node, asked);
      case "nodes":
        return this.nodes(node, asked);
      case "pods":
        return this.podsOf(node, asked);
      case "csinodes":
        return asked.verb === "create" ? allowed : this.decide(asked.name === node, asked);
      default:
        return undefined;
    }
  }

  private decide(related: boolean, asked: Asked): Decision {
    return related ? allowed : unsure(`no relationship found between node and ${asked.resource} "${asked.name}"`);
  }

  /** get by name, or list and watch of a single name. */
  private reading(asked: Asked, related: (namespace: string, name: string) => boolean): Decision {
    if (!["get", "list", "watch"].includes(asked.verb) || asked.subresource !== "")
      return unsure("nodes may only read this");
    if (asked.name === "") return unsure("nodes may only read single objects of this resource");
    return this.decide(related(asked.namespace, asked.name), asked);
  }

  private nodes(node: string, asked: Asked): Decision | undefined {
    if (asked.verb === "get") return this.decide(asked.name === node || asked.name === "", asked);
    if (asked.verb !== "list" && asked.verb !== "watch") return undefined;
    return this.decide(asked.name === node || asked.fieldSelector === `metadata.name=${node}`, asked);
  }

  private podsOf(node: string, asked: Asked): Decision | undefined {
    if (asked.verb === "list" || asked.verb === "watch")
      return this.decide(asked.fieldSelector.split(",").includes(`spec.nodeName=${node}`), asked);
    if (asked.verb !== "get" || asked.subresource !== "") return undefined;
    const pod = this.pods.get({ namespace: asked.namespace, name: asked.name });
    return this.decide(pod?.spec.nodeName === node, asked);
  }

  private podsOn(node: string): readonly Pod[] {
    return this.pods.byIndex("node", node);
  }

  private podRefersTo(node: string, target: Reference): boolean {
    return this.podsOn(node).some(
      (pod) => pod.metadata.namespace === target.namespace && refersTo(pod, target.resource, target.name),
    );
  }

  private podUsesClaim(node: string, namespace: string, name: string): boolean {
    return this.podsOn(node).some(
      (pod) =>
        pod.metadata.namespace === namespace &&
        (pod.spec.volumes ?? []).some(
          (volume) =>
            volume.persistentVolumeClaim?.claimName === name ||
            (volume.ephemeral !== undefined && `${pod.metadata.name}-${volume.name}` === name),
        ),
    );
  }

  private podUsesVolume(node: string, name: string): boolean {
    const claim = this.volumes.get({ namespace: "", name })?.spec.claimRef;
    if (!claim) return false;
    const bound = this.claims.get({ namespace: claim.namespace ?? "", name: claim.name ?? "" });
    return bound?.spec.volumeName === name && this.podUsesClaim(node, claim.namespace ?? "", claim.name ?? "");
  }

  private podRunsAs(node: string, namespace: string, account: string): boolean {
    return this.podsOn(node).some(
      (pod) => pod.metadata.namespace === namespace && (pod.spec.serviceAccountName ?? "default") === account,
    );
  }
}

interface Reference {
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
}

function refersTo(pod: Pod, resource: string, name: string): boolean {
  if (resource === "secrets" && (pod.spec.imagePullSecrets ?? []).some((secret) => secret.name === name)) return true;
  return (
    (pod.spec.volumes ?? []).some((volume) => volumeRefersTo(volume, resource, name)) ||
    [...(pod.spec.initContainers ?? []), ...pod.spec.containers, ...(pod.spec.ephemeralContainers ?? [])].some(
      (container) =>
        (container.env ?? []).some((variable) => {
          const from = variable.valueFrom;
          return (resource === "secrets" ? from?.secretKeyRef?.name : from?.configMapKeyRef?.name) === name;
        }) ||
        (container.envFrom ?? []).some(
          (source) => (resource === "secrets" ? source.secretRef?.name : source.configMapRef?.name) === name,
        ),
    )
  );
}

function volumeRefersTo(volume: Volume, resource: string, name: string): boolean {
  const projected = volume.projected?.sources ?? [];
  if (resource === "configmaps")
    return volume.configMap?.name === name || projected.some((source) => source.configMap?.name === name);
  return volume.secret?.secretName === name || projected.some((source) => source.secret?.name === name);
}
