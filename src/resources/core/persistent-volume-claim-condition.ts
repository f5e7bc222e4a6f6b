/** Persistent volume claim condition: messages that kinds of core/v1 are made of. */
import { object, string, time, type Infer } from "#machinery/shape.ts";

export const persistentVolumeClaimConditionShape = object("api.core.v1.PersistentVolumeClaimCondition", {
  type: string(1).always(),
  status: string(2).always(),
  lastProbeTime: time(3),
  lastTransitionTime: time(4),
  reason: string(5),
  message: string(6),
});
export interface PersistentVolumeClaimCondition extends Infer<typeof persistentVolumeClaimConditionShape> {}
