/** Which nodes a pod can be on: every plugin looks at the pod once, then each node is checked by those with a say. */
import type { NodeInfo } from "./node-info.ts";
import type { Check, Cluster, Forked, PluginName, Rejection } from "./plugin.ts";
import { filters } from "./plugins.ts";
import type { PodFacts } from "./pod-facts.ts";

export interface NamedCheck {
  readonly plugin: PluginName;
  readonly check: Check;
}

export type Prepared =
  | {
      readonly kind: "checks";
      readonly checks: readonly NamedCheck[];
      /** The only nodes worth a look, and the plugins that say so. */
      readonly only: { readonly names: ReadonlySet<string>; readonly plugins: readonly PluginName[] } | undefined;
    }
  | { readonly kind: "refused"; readonly plugin: PluginName; readonly rejection: Rejection };

/** A rejection, and whose it is. */
export interface NamedRejection {
  readonly plugin: PluginName;
  readonly rejection: Rejection;
}

export function prepare(pod: PodFacts, cluster: Cluster): Prepared {
  const checks: NamedCheck[] = [];
  let names: ReadonlySet<string> | undefined;
  const plugins: PluginName[] = [];
  for (const { name: plugin, filter } of filters) {
    const answer = filter(pod, cluster);
    if (answer === undefined) continue;
    if (answer.kind === "refused") return { kind: "refused", plugin, rejection: answer.rejection };
    checks.push({ plugin, check: answer });
    if (!answer.only) continue;
    names = names ? names.intersection(answer.only) : answer.only;
    plugins.push(plugin);
  }
  return { kind: "checks", checks, only: names ? { names, plugins } : undefined };
}

/** Why the pod cannot be on the node as it is, with those that are nominated to it and go first; else undefined. */
export function rejectionOn(node: NodeInfo, pod: PodFacts, { checks, cluster }: Checking): NamedRejection | undefined {
  const ahead = nominatedAhead(node, pod, cluster);
  if (ahead.length > 0) {
    const rejected = new TryOut(node, checks).rejectionWith(ahead);
    if (rejected) return rejected;
  }
  for (const { plugin, check } of checks) {
    const rejection = check.node(node);
    if (rejection) return { plugin, rejection };
  }
  return undefined;
}

const none: readonly never[] = [];

export interface Checking {
  readonly checks: readonly NamedCheck[];
  readonly cluster: Cluster;
}

/** Pods that wait for room on the node and have at least this one's priority. */
export function nominatedAhead(node: NodeInfo, pod: PodFacts, { snapshot }: Cluster): readonly PodFacts[] {
  if (!snapshot.hasNominated) return none;
  let ahead: PodFacts[] | undefined;
  for (const other of snapshot.nominatedTo(node.name))
    if (other.priority >= pod.priority && other.uid !== pod.uid) (ahead ??= []).push(other);
  return ahead ?? none;
}

/** A copy of a node, to see what would be if other pods were on it. */
export class TryOut {
  private readonly node: NodeInfo;
  private readonly checks: readonly { readonly plugin: PluginName; readonly forked: Forked }[];

  constructor(node: NodeInfo, checks: readonly NamedCheck[]) {
    this.node = node.copy();
    this.checks = checks.map(({ plugin, check }) => ({
      plugin,
      forked: check.fork?.() ?? { node: check.node, move: () => undefined },
    }));
  }

  move(pod: PodFacts, by: 1 | -1): void {
    if (by === 1) this.node.add(pod);
    else this.node.remove(pod.uid);
    for (const { forked } of this.checks) forked.move(pod, this.node, by);
  }

  /** Why the checked pod cannot be there, with these pods as well or without them. */
  rejectionWith(ahead: readonly PodFacts[]): NamedRejection | undefined {
    for (const pod of ahead) this.move(pod, 1);
    const with_ = ahead.length > 0 ? this.rejection() : undefined;
    for (const pod of ahead) this.move(pod, -1);
    return with_ ?? this.rejection();
  }

  private rejection(): NamedRejection | undefined {
    for (const { plugin, forked } of this.checks) {
      const rejection = forked.node(this.node);
      if (rejection) return { plugin, rejection };
    }
    return undefined;
  }
}
