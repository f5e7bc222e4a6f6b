/** Device toleration: messages that kinds of resource/v1 are made of. */
import { int64, object, oneOf, string, type Infer } from "#machinery/shape.ts";

export const deviceTolerationShape = object("api.resource.v1.DeviceToleration", {
  key: string(1),
  operator: oneOf(2, ["Exists", "Equal"]).default("Equal"),
  value: string(3),
  effect: oneOf(4, ["None", "NoSchedule", "NoExecute"]),
  tolerationSeconds: int64(5),
});
export interface DeviceToleration extends Infer<typeof deviceTolerationShape> {}
