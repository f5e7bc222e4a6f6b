/**
 * The node authorizer: a node may read what pods bound to it refer to, and change what is its own, and nothing else.
 * What it may write into an object it may change is said in admission/node-restriction.ts.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/node/
 */
import type { Informer, InformerFactory } from "#client/informer.ts";
import { exactField, parseFieldSelector } from "#machinery/field-selector.ts";
import { persistentVolumeClaims, type PersistentVolumeClaim } from "#resources/core/persistent-volume-claim.ts";
import { persistentVolumes, type PersistentVolume } from "#resources/core/persistent-volume.ts";
import { resourceSlices, type ResourceSlice } from "#resources/resource/resource-slice.ts";
import { volumeAttachments, type VolumeAttachment } from "#resources/storage/volume-attachment.ts";
import type { Attributes, Authorizer, Decision } from "../access.ts";
import { podView, type PodSeen } from "../pod-view.ts";
import { claimsOf, configMapsOf, isMirror, resourceClaimsOf, secretsOf } from "../pod-references.ts";
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
  private readonly pods: Informer<PodSeen>;
  private readonly claims: Informer<PersistentVolumeClaim>;
  private readonly volumes: Informer<PersistentVolume>;
  private readonly attachments: Informer<VolumeAttachment>;
  private readonly slices: Informer<ResourceSlice>;
  private readonly nodeRules = defaultClusterRoles.find((role) => role.name === "system:node")?.rules ?? [];
  // A pod may refer to thousands of objects, and its node reads them one by one.
  private readonly namesIn = new WeakMap<NamesOf, WeakMap<PodSeen, ReadonlySet<string>>>();
  // By "resource.group". Other resources are decided by the rules.
  private readonly special: ReadonlyMap<string, (node: string, asked: Asked) => Decision>;

  constructor(informers: InformerFactory) {
    this.pods = informers.informer(podView);
    this.claims = informers.informer(persistentVolumeClaims);
    this.volumes = informers.informer(persistentVolumes);
    this.attachments = informers.informer(volumeAttachments);
    this.slices = informers.informer(resourceSlices);
    this.pods.addIndex("node", (pod) => (pod.spec.nodeName === undefined ? [] : [pod.spec.nodeName]));
    this.special = this.table();
  }

  authorize(attributes: Attributes): Decision {
    const node = nodeNameOf(attributes.user);
    if (node === undefined) return unsure("");
    if (node === "") return unsure(`unknown node for user ${JSON.stringify(attributes.user.name)}`);
    if (attributes.kind === "resource") {
      const { resource, group } = attributes;
      const special = this.special.get(group === "" ? resource : `${resource}.${group}`);
      if (special) return special(node, attributes);
    }
    return this.nodeRules.some((rule) => ruleAllows(rule, attributes)) ? allowed : unsure("not a rule of nodes");
  }

  private table(): ReadonlyMap<string, (node: string, asked: Asked) => Decision> {
    const reads = "get list watch";
    const owns = "get create update patch delete";
    return new Map<string, (node: string, asked: Asked) => Decision>([
      ["secrets", (node, asked) => related(asked, reads, () => this.usesSecret(node, asked))],
      ["configmaps", (node, asked) => related(asked, reads, () => this.refers(node, asked, configMapsOf))],
      ["persistentvolumeclaims", (node, asked) => this.claim(node, asked)],
      ["persistentvolumes", (node, asked) => related(asked, "get", () => this.usesVolume(node, asked.name))],
      ["serviceaccounts", (node, asked) => this.account(node, asked)],
      ["nodes", nodeDecision],
      ["pods", (node, asked) => this.pod(node, asked)],
      ["leases.coordination.k8s.io", (node, asked) => leaseDecision(node, asked, owns)],
      ["csinodes.storage.k8s.io", (node, asked) => ownNamed(node, asked, owns)],
      [
        "volumeattachments.storage.k8s.io",
        (node, asked) => related(asked, "get", () => this.isAttachedTo(node, asked)),
      ],
      [
        "resourceclaims.resource.k8s.io",
        (node, asked) => related(asked, "get", () => this.refers(node, asked, resourceClaimsOf)),
      ],
      ["resourceslices.resource.k8s.io", (node, asked) => this.slice(node, asked)],
    ]);
  }

  private claim(node: string, asked: Asked): Decision {
    const uses = (): boolean => this.refers(node, asked, claimsOf);
    if (asked.subresource !== "status") return related(asked, "get", uses);
    return related({ ...asked, subresource: "" }, "update patch", uses);
  }

  private account(node: string, asked: Asked): Decision {
    const runsAs = (): boolean => this.refers(node, asked, accountsOf) && asked.name !== "";
    if (asked.subresource !== "token") return related(asked, "get", runsAs);
    return related({ ...asked, subresource: "" }, "create", runsAs);
  }

  private pod(node: string, asked: Asked): Decision {
    const { verb, subresource } = asked;
    switch (subresource) {
      case "":
        if (verb === "create" || verb === "delete") return allowed;
        if ((verb === "list" || verb === "watch") && selected(asked, "spec.nodeName") === node) return allowed;
        return related(asked, "get list watch", () => this.pods.get(asked)?.spec.nodeName === node);
      case "status":
        return verb === "update" || verb === "patch" ? allowed : unsure("nodes may only report the status of pods");
      case "eviction":
        return verb === "create" ? allowed : unsure("nodes may only evict pods");
      default:
        return unsure("nodes may not use this part of pods");
    }
  }

  private slice(node: string, asked: Asked): Decision {
    const { verb } = asked;
    // Whose it is stands in the object, which admission looks at.
    if (verb === "create" && asked.subresource === "") return allowed;
    if (["list", "watch", "deletecollection"].includes(verb))
      return selected(asked, "spec.nodeName") === node ? allowed : unsure("nodes must select slices by spec.nodeName");
    const isOwn = (): boolean => this.slices.get({ namespace: "", name: asked.name })?.spec.nodeName === node;
    return related(asked, "get update patch delete", isOwn);
  }

  /** The pods of a node that may give it rights. A mirror pod is the node's own word. */
  private podsOn(node: string): readonly PodSeen[] {
    return this.pods.byIndex("node", node).filter((pod) => !isMirror(pod));
  }

  private refers(node: string, { namespace, name }: NameInNamespace, namesOf: NamesOf): boolean {
    return this.podsOn(node).some((pod) => pod.metadata.namespace === namespace && this.names(namesOf, pod).has(name));
  }

  /** What `namesOf` says of the pod, found once for each of its versions. */
  private names(namesOf: NamesOf, pod: PodSeen): ReadonlySet<string> {
    const known = this.namesIn.get(namesOf) ?? new WeakMap<PodSeen, ReadonlySet<string>>();
    this.namesIn.set(namesOf, known);
    const names = known.get(pod) ?? new Set(namesOf(pod));
    known.set(pod, names);
    return names;
  }

  /** By a pod, or by the volume of a claim of a pod. */
  private usesSecret(node: string, asked: Asked): boolean {
    if (this.refers(node, asked, secretsOf)) return true;
    return this.podsOn(node).some((pod) =>
      claimsOf(pod).some((name) => {
        const claim = this.claims.get({ namespace: pod.metadata.namespace ?? "", name });
        const volume = this.volumes.get({ namespace: "", name: claim?.spec.volumeName ?? "" });
        if (!volume || !isBound(volume, claim)) return false;
        return secretsOfVolume(volume).some((one) => one.name === asked.name && one.namespace === asked.namespace);
      }),
    );
  }

  private usesVolume(node: string, name: string): boolean {
    const volume = this.volumes.get({ namespace: "", name });
    const { namespace = "", name: claimName = "" } = volume?.spec.claimRef ?? {};
    const claim = this.claims.get({ namespace, name: claimName });
    return (
      volume !== undefined && isBound(volume, claim) && this.refers(node, { namespace, name: claimName }, claimsOf)
    );
  }

  private isAttachedTo(node: string, { name }: Asked): boolean {
    return this.attachments.get({ namespace: "", name })?.spec.nodeName === node;
  }
}

/** Names of objects in the pod's namespace that it refers to. */
type NamesOf = (pod: PodSeen) => readonly string[];

const accountsOf: NamesOf = ({ spec }) => [spec.serviceAccountName ?? ""];

interface NameInNamespace {
  readonly namespace: string;
  readonly name: string;
}

function isBound(volume: PersistentVolume, claim: PersistentVolumeClaim | undefined): boolean {
  const { namespace = "", name = "" } = volume.spec.claimRef ?? {};
  return (
    claim !== undefined &&
    claim.spec.volumeName === volume.metadata.name &&
    claim.metadata.namespace === namespace &&
    claim.metadata.name === name
  );
}

/** The secrets of a volume that a kubelet needs: those of a CSI driver's controller are none of them. */
function secretsOfVolume({ spec }: PersistentVolume): readonly NameInNamespace[] {
  const own = spec.claimRef?.namespace ?? "";
  const references = [
    spec.csi?.nodePublishSecretRef,
    spec.csi?.nodeStageSecretRef,
    spec.csi?.nodeExpandSecretRef,
    spec.cephfs?.secretRef,
    spec.cinder?.secretRef,
    spec.flexVolume?.secretRef,
    spec.iscsi?.secretRef,
    spec.rbd?.secretRef,
    spec.scaleIO?.secretRef,
    spec.storageos?.secretRef,
    spec.azureFile && { name: spec.azureFile.secretName, namespace: spec.azureFile.secretNamespace },
  ];
  return references.flatMap((reference) =>
    reference?.name === undefined ? [] : [{ name: reference.name, namespace: reference.namespace ?? own }],
  );
}

/** Allowed for one object that has to do with the node, by one of the verbs. */
function related(asked: Asked, verbs: string, isRelated: () => boolean): Decision {
  const { verb, subresource, name, resource } = asked;
  if (!verbs.split(" ").includes(verb)) return unsure(`nodes may only ${verbs.replaceAll(" ", ", ")} this`);
  if (subresource !== "") return unsure("nodes may not use this part of it");
  if (name === "") return unsure("nodes may only read single objects of this resource");
  return isRelated() ? allowed : unsure(`no relationship found between node and ${resource} "${name}"`);
}

/** What bears the node's name; on a create the name is not known yet, and admission looks at it. */
function ownNamed(node: string, asked: Asked, verbs: string): Decision {
  const isUnnamed = asked.verb === "create" && asked.name === "" && asked.subresource === "";
  return isUnnamed ? allowed : related(asked, verbs, () => asked.name === node);
}

function leaseDecision(node: string, asked: Asked, verbs: string): Decision {
  return asked.namespace === "kube-node-lease"
    ? ownNamed(node, asked, verbs)
    : unsure('nodes may only use leases in the "kube-node-lease" system namespace');
}

function nodeDecision(node: string, asked: Asked): Decision {
  const { verb, subresource } = asked;
  const isWrite = verb === "update" || verb === "patch";
  // Which node may be written is said by admission, since a create has no name yet.
  if (subresource === "") {
    if (verb === "create" || isWrite) return allowed;
    return related(asked, "get list watch", () => asked.name === node);
  }
  return subresource === "status" && isWrite ? allowed : unsure("nodes may not use this part of nodes");
}

/** The one value that a list asks for in a field; undefined when it asks for others too. */
function selected({ fieldSelector }: Asked, field: string): string | undefined {
  try {
    return exactField(parseFieldSelector(fieldSelector), field);
  } catch {
    return undefined;
  }
}
