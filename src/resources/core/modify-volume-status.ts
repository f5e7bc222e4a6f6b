/** Modify volume status: messages that kinds of core/v1 are made of. */
import { object, oneOf, string, type Infer } from "#machinery/shape.ts";

export const modifyVolumeStatusShape = object("api.core.v1.ModifyVolumeStatus", {
  targetVolumeAttributesClassName: string(1),
  status: oneOf(2, ["Pending", "InProgress", "Infeasible"]).always(),
});
export interface ModifyVolumeStatus extends Infer<typeof modifyVolumeStatusShape> {}
