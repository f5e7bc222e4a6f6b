/** Persistent volume claim status: messages that kinds of core/v1 are made of. */
import {
  enumShape,
  list,
  listMap,
  map,
  object,
  of,
  oneOf,
  quantityText,
  string,
  type Infer,
} from "#machinery/shape.ts";
import { modifyVolumeStatusShape } from "./modify-volume-status.ts";
import { persistentVolumeClaimConditionShape } from "./persistent-volume-claim-condition.ts";

export const persistentVolumeClaimStatusShape = object("api.core.v1.PersistentVolumeClaimStatus", {
  phase: oneOf(1, ["Pending", "Bound", "Lost"]),
  accessModes: list(2, enumShape(["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"])),
  capacity: map(3, quantityText),
  conditions: listMap(4, ["type"], persistentVolumeClaimConditionShape).patchMerge("type"),
  allocatedResources: map(5, quantityText),
  allocatedResourceStatuses: map(
    7,
    enumShape([
      "ControllerResizeInProgress",
      "ControllerResizeInfeasible",
      "NodeResizePending",
      "NodeResizeInProgress",
      "NodeResizeInfeasible",
    ]),
  ),
  currentVolumeAttributesClassName: string(8).keepZero(),
  modifyVolumeStatus: of(9, modifyVolumeStatusShape),
});
export interface PersistentVolumeClaimStatus extends Infer<typeof persistentVolumeClaimStatusShape> {}
