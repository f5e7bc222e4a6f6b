/** Objects other than nodes and pods that placements depend on, as the informers have them. */
import type { PersistentVolume } from "#resources/core/persistent-volume.ts";
import type { PersistentVolumeClaim } from "#resources/core/persistent-volume-claim.ts";
import type { Selector } from "#machinery/label-selector.ts";
import type { PodDisruptionBudget } from "#resources/policy/pod-disruption-budget.ts";
import type { CSINode } from "#resources/storage/csi-node.ts";
import type { StorageClass } from "#resources/storage/storage-class.ts";
import type { PodSeen } from "./pod-view.ts";

/** Reads are of the moment. */
export interface Related {
  namespaceLabels(name: string): Readonly<Record<string, string>>;
  claim(key: string): PersistentVolumeClaim | undefined;
  volume(name: string): PersistentVolume | undefined;
  /** All volumes of the class. */
  volumesOf(storageClass: string): readonly PersistentVolume[];
  /** True when the volume is promised to another claim than this one. */
  isPromised(volumeName: string, claimKey: string): boolean;
  storageClass(name: string): StorageClass | undefined;
  csiNode(name: string): CSINode | undefined;
  disruptionBudgets(): readonly PodDisruptionBudget[];
  /** Selects the pods that the Services and the owner of this pod select; undefined when there is neither. */
  siblings(pod: PodSeen): Selector | undefined;
}
