/** What runs on the machines, against what the API says of it. */
import type { PodSandbox } from "#host/cri.ts";
import { pods } from "#resources/core/pod.ts";
import type { History } from "../history.ts";
import type { SimulatedNode } from "../node.ts";
import type { Finding } from "./invariant.ts";

const uidLabel = "io.kubernetes.pod.uid";
const nameLabel = "io.kubernetes.pod.name";
const namespaceLabel = "io.kubernetes.pod.namespace";

async function* readySandboxes(
  nodes: Iterable<SimulatedNode>,
): AsyncGenerator<readonly [node: SimulatedNode, sandbox: PodSandbox]> {
  for (const node of nodes)
    for (const sandbox of await node.runtime.listPodSandboxes({ state: { state: "SANDBOX_READY" } }))
      yield [node, sandbox];
}

/** No two pods of one name run at once, wherever they are: what a StatefulSet promises to its data. */
export async function twins(nodes: Iterable<SimulatedNode>): Promise<Finding | undefined> {
  const running = new Map<string, string>();
  for (const node of nodes) {
    for (const { labels } of await node.running()) {
      const name = `${labels[namespaceLabel]}/${labels[nameLabel]}`;
      const uid = labels[uidLabel] ?? "";
      const other = running.get(name);
      if (other !== undefined && other !== uid)
        return { about: `pods ${name}`, found: `${other} and ${uid} run at once, the latter on ${node.name}` };
      running.set(name, uid);
    }
  }
  return undefined;
}

/** In the end machines have the sandboxes of the pods that are theirs, and nothing else. */
export async function strayed(nodes: Iterable<SimulatedNode>, history: History): Promise<Finding | undefined> {
  for await (const [node, { labels, id }] of readySandboxes(nodes)) {
    const name = `${labels[namespaceLabel]}/${labels[nameLabel]}`;
    const pod = history.byUid(labels[uidLabel] ?? "");
    const bound = pod && history.get(pods, { namespace: pod.metadata.namespace ?? "", name: pod.metadata.name ?? "" });
    const { phase } = bound?.status ?? {};
    if (!bound) return { about: `pods ${name}`, found: `sandbox ${id} on ${node.name} is of no pod` };
    if (bound.spec.nodeName !== node.name || phase === "Succeeded" || phase === "Failed")
      return {
        about: `pods ${name}`,
        found: `sandbox ${id} on ${node.name}, the pod is ${phase} on ${bound.spec.nodeName}`,
      };
  }
  return undefined;
}
