/** Device constraint: messages that kinds of resource/v1 are made of. */
import { list, object, str, string, type Infer } from "#machinery/shape.ts";

export const deviceConstraintShape = object("api.resource.v1.DeviceConstraint", {
  requests: list(1, str),
  matchAttribute: string(2).keepZero(),
  distinctAttribute: string(3).keepZero(),
});
export interface DeviceConstraint extends Infer<typeof deviceConstraintShape> {}
