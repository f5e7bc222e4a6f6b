/**
 * Pods on nodes by what selectors see of them: namespace and labels. Pods of one workload are one group, so that a
 * selector is asked about workloads, not about pods.
 */
import type { Selector } from "#machinery/label-selector.ts";
import { PodCount, type NodeShape } from "./pod-count.ts";
import { isTerminating, type PodFacts } from "./pod-facts.ts";

export interface PodSelection {
  readonly namespaces: ReadonlySet<string>;
  readonly selector: Selector;
  /** Whether pods that are being deleted count. */
  readonly terminating: boolean;
}

export interface PodGroup {
  readonly key: string;
  readonly namespace: string;
  readonly labels: PodFacts["pod"]["metadata"]["labels"];
  readonly terminating: boolean;
  readonly byNode: Map<string, number>;
  /** What counts the pods of the group. */
  readonly counts: Set<SelectedCount>;
}

interface SelectedCount extends PodSelection {
  readonly count: PodCount;
}

// Selections whose pods are counted as they come and go; enough for the workloads that grow at one time.
const selectionsMax = 256;

export class PodGroups {
  private readonly groups = new Map<string, PodGroup>();
  private readonly byNamespace = new Map<string, Set<PodGroup>>();
  // Those asked for last are last.
  private readonly selected = new Map<string, SelectedCount>();

  /** Names of namespaces with a pod on a node. */
  get namespaces(): Iterable<string> {
    return this.byNamespace.keys();
  }

  /** The pod is on the node. What is returned takes it away again. */
  add(pod: PodFacts, nodeName: string, nodes: NodeShape): PodGroup {
    const key = groupKey(pod);
    const group = this.groups.get(key) ?? this.begin(key, pod);
    group.byNode.set(nodeName, (group.byNode.get(nodeName) ?? 0) + 1);
    for (const { count } of group.counts) count.add(nodeName, 1, nodes);
    return group;
  }

  remove(group: PodGroup, nodeName: string, nodes: NodeShape): void {
    const left = (group.byNode.get(nodeName) ?? 0) - 1;
    if (left > 0) group.byNode.set(nodeName, left);
    else group.byNode.delete(nodeName);
    for (const { count } of group.counts) count.add(nodeName, -1, nodes);
    if (group.byNode.size > 0) return;
    this.groups.delete(group.key);
    const there = this.byNamespace.get(group.namespace);
    there?.delete(group);
    if (there?.size === 0) this.byNamespace.delete(group.namespace);
  }

  /** How many pods are selected, from now on as long as it is asked for. */
  count(selection: PodSelection): PodCount {
    const { namespaces, selector, terminating } = selection;
    if (selector.matchesNothing || namespaces.size === 0) return new PodCount();
    const key = `${terminating ? "all" : "staying"}/${[...namespaces].sort().join(",")}/${selector.toString()}`;
    const known = this.selected.get(key);
    if (known) this.selected.delete(key);
    const selected = known ?? this.start(selection);
    this.selected.set(key, selected);
    const [oldest] = this.selected;
    if (this.selected.size > selectionsMax && oldest) this.stop(oldest[0], oldest[1]);
    return selected.count;
  }

  private begin(key: string, pod: PodFacts): PodGroup {
    const { namespace } = pod;
    const group: PodGroup = {
      key,
      namespace,
      labels: pod.pod.metadata.labels,
      terminating: isTerminating(pod.pod),
      byNode: new Map(),
      counts: new Set(),
    };
    for (const selected of this.selected.values()) if (selects(selected, group)) group.counts.add(selected);
    this.groups.set(key, group);
    const there = this.byNamespace.get(namespace);
    if (there) there.add(group);
    else this.byNamespace.set(namespace, new Set([group]));
    return group;
  }

  private start(selection: PodSelection): SelectedCount {
    const selected = { ...selection, count: new PodCount() };
    const { byNode } = selected.count;
    for (const namespace of selection.namespaces)
      for (const group of this.byNamespace.get(namespace) ?? []) {
        if (!selects(selection, group)) continue;
        group.counts.add(selected);
        for (const [nodeName, count] of group.byNode) byNode.set(nodeName, (byNode.get(nodeName) ?? 0) + count);
      }
    return selected;
  }

  private stop(key: string, selected: SelectedCount): void {
    this.selected.delete(key);
    for (const namespace of selected.namespaces)
      for (const group of this.byNamespace.get(namespace) ?? []) group.counts.delete(selected);
  }
}

/** The order of labels is that of the template: two orders would be two groups, which counts as well. */
export function groupKey({ namespace, pod }: PodFacts): string {
  const { labels } = pod.metadata;
  return `${namespace}/${isTerminating(pod) ? "going" : "staying"}/${labels === undefined ? "" : JSON.stringify(labels)}`;
}

function selects({ namespaces, selector, terminating }: PodSelection, group: PodGroup): boolean {
  return namespaces.has(group.namespace) && (terminating || !group.terminating) && selector.matches(group.labels);
}
