/** A new pod for an owner, from its template. */
import type { KubeObject } from "#machinery/meta.ts";
import type { PodTemplateSpec } from "#resources/core/pod-spec.ts";
import type { Pod } from "#resources/core/pod.ts";
import { ownerReferenceTo } from "./ownership.ts";

export function podFromTemplate(owner: KubeObject, template: PodTemplateSpec): Pod {
  const { labels, annotations, finalizers } = template.metadata;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      namespace: owner.metadata.namespace,
      generateName: generateName(owner.metadata.name ?? ""),
      ...(labels ? { labels } : {}),
      ...(annotations ? { annotations } : {}),
      ...(finalizers ? { finalizers } : {}),
      ownerReferences: [ownerReferenceTo(owner)],
    },
    spec: template.spec,
    status: {},
  };
}

// A name plus five random letters must stay a DNS label.
const generateNameMax = 58;

function generateName(ownerName: string): string {
  return `${ownerName}-`.slice(0, generateNameMax);
}
