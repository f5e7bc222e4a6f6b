/** Device sub request: messages that kinds of resource/v1 are made of. */
import { int64, list, object, of, string, type Infer } from "#machinery/shape.ts";
import { capacityRequirementsShape } from "./capacity-requirements.ts";
import { deviceSelectorShape } from "./device-selector.ts";
import { deviceTolerationShape } from "./device-toleration.ts";

export const deviceSubRequestShape = object("api.resource.v1.DeviceSubRequest", {
  name: string(1).always(),
  deviceClassName: string(2).always(),
  selectors: list(3, deviceSelectorShape),
  allocationMode: string(4).default("ExactCount"),
  count: int64(5).dropZero(),
  tolerations: list(6, deviceTolerationShape),
  capacity: of(7, capacityRequirementsShape),
});
export interface DeviceSubRequest extends Infer<typeof deviceSubRequestShape> {}
