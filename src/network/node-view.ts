/** What routes are made of. Every node holds it of all the others. */
import { view, type KindView, type Seen } from "#machinery/view.ts";
import { nodes } from "#resources/core/node.ts";

const declared = view(nodes, {
  metadata: { creationTimestamp: true },
  spec: { podCIDR: true },
  status: { addresses: true },
});

export interface NodeSeen extends Seen<typeof declared> {}

export const nodeView: KindView<NodeSeen> = declared;
