/** Objects other than nodes and pods that placements depend on, read from the informers. */
import type { InformerFactory } from "#client/informer.ts";
import { Selector, selectorOf, selectorOfMap } from "#machinery/label-selector.ts";
import { controllerOf, parseKey } from "#machinery/meta.ts";
import { deepEqual } from "#machinery/equal.ts";
import type { LabelSelector } from "#machinery/meta.ts";
import { replicaSets } from "#resources/apps/replica-set.ts";
import { statefulSets } from "#resources/apps/stateful-set.ts";
import { namespaces } from "#resources/core/namespace.ts";
import { persistentVolumeClaims } from "#resources/core/persistent-volume-claim.ts";
import { persistentVolumes } from "#resources/core/persistent-volume.ts";
import { replicationControllers } from "#resources/core/replication-controller.ts";
import { services } from "#resources/core/service.ts";
import { podDisruptionBudgets } from "#resources/policy/pod-disruption-budget.ts";
import { csiNodes } from "#resources/storage/csi-node.ts";
import { storageClasses } from "#resources/storage/storage-class.ts";
import type { ClusterEvent } from "./plugin.ts";
import type { Related } from "./related.ts";
import type { PodSeen } from "./pod-view.ts";

const byClass = "storageClass";

export class RelatedObjects implements Related {
  private readonly claims;
  private readonly volumes;
  private readonly classes;
  private readonly csiNodes;
  private readonly budgets;
  private readonly namespaces;
  private readonly services;
  private readonly replicaSets;
  private readonly statefulSets;
  private readonly replicationControllers;
  /** Claims that volumes were chosen for, by the name of the volume, until the volume itself says so. */
  private readonly promises = new Map<string, string>();

  constructor(factory: InformerFactory) {
    this.claims = factory.informer(persistentVolumeClaims);
    this.volumes = factory.informer(persistentVolumes);
    this.volumes.addIndex(byClass, ({ spec }) => [spec.storageClassName ?? ""]);
    this.classes = factory.informer(storageClasses);
    this.csiNodes = factory.informer(csiNodes);
    this.budgets = factory.informer(podDisruptionBudgets);
    this.namespaces = factory.informer(namespaces);
    this.services = factory.informer(services);
    this.replicaSets = factory.informer(replicaSets);
    this.statefulSets = factory.informer(statefulSets);
    this.replicationControllers = factory.informer(replicationControllers);
  }

  async whenSynced(signal: AbortSignal): Promise<void> {
    await Promise.all([
      this.claims.whenSynced(signal),
      this.volumes.whenSynced(signal),
      this.classes.whenSynced(signal),
      this.csiNodes.whenSynced(signal),
      this.budgets.whenSynced(signal),
      this.namespaces.whenSynced(signal),
      this.services.whenSynced(signal),
      this.replicaSets.whenSynced(signal),
      this.statefulSets.whenSynced(signal),
      this.replicationControllers.whenSynced(signal),
    ]);
  }

  /** Calls `tell` for every change that may make a pod schedulable, until the signal is aborted. */
  onEvent(tell: (event: ClusterEvent) => void, signal: AbortSignal): void {
    const storage = (): void => tell({ kind: "storage" });
    this.volumes.onChange(storage, signal);
    this.claims.onChange(storage, signal);
    this.classes.onChange(storage, signal);
    this.csiNodes.onChange(storage, signal);
    this.namespaces.onChange((change) => {
      if (!deepEqual(change.old?.metadata.labels, change.object.metadata.labels)) tell({ kind: "namespace" });
    }, signal);
  }

  namespaceLabels(name: string): Readonly<Record<string, string>> {
    return this.namespaces.get({ namespace: "", name })?.metadata.labels ?? {};
  }

  claim: Related["claim"] = (key) => this.claims.get(parseKey(key));

  volume: Related["volume"] = (name) => this.volumes.get({ namespace: "", name });

  volumesOf: Related["volumesOf"] = (storageClass) => this.volumes.byIndex(byClass, storageClass);

  isPromised: Related["isPromised"] = (volumeName, claimKey) =>
    (this.promises.get(volumeName) ?? claimKey) !== claimKey;

  promise(volumeName: string, claimKey: string): void {
    this.promises.set(volumeName, claimKey);
  }

  release(volumeName: string): void {
    this.promises.delete(volumeName);
  }

  storageClass: Related["storageClass"] = (name) => this.classes.get({ namespace: "", name });

  csiNode: Related["csiNode"] = (name) => this.csiNodes.get({ namespace: "", name });

  disruptionBudgets: Related["disruptionBudgets"] = () => this.budgets.list();

  siblings(pod: PodSeen): Selector | undefined {
    const { namespace = "", labels } = pod.metadata;
    const merged: Record<string, string> = {};
    for (const { spec } of this.services.list(namespace))
      if (spec.selector && selectorOfMap(spec.selector).matches(labels)) Object.assign(merged, spec.selector);
    const requirements = [...selectorOfMap(merged).requirements, ...this.ownerSelector(pod).requirements];
    return requirements.length === 0 ? undefined : Selector.of(requirements);
  }

  private ownerSelector(pod: PodSeen): Selector {
    const owner = controllerOf(pod);
    if (!owner) return Selector.everything;
    const key = { namespace: pod.metadata.namespace ?? "", name: owner.name };
    const of = (selector: LabelSelector | undefined): Selector =>
      selector ? selectorOf(selector) : Selector.everything;
    switch (`${owner.apiVersion} ${owner.kind}`) {
      case "apps/v1 ReplicaSet":
        return of(this.replicaSets.get(key)?.spec.selector);
      case "apps/v1 StatefulSet":
        return of(this.statefulSets.get(key)?.spec.selector);
      case "v1 ReplicationController":
        return selectorOfMap(this.replicationControllers.get(key)?.spec.selector);
      default:
        return Selector.everything;
    }
  }
}
