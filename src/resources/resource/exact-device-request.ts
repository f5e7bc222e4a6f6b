/** Exact device request: messages that kinds of resource/v1 are made of. */
import { bool, int64, list, object, of, string, type Infer } from "#machinery/shape.ts";
import { capacityRequirementsShape } from "./capacity-requirements.ts";
import { deviceSelectorShape } from "./device-selector.ts";
import { deviceTolerationShape } from "./device-toleration.ts";

export const exactDeviceRequestShape = object("api.resource.v1.ExactDeviceRequest", {
  deviceClassName: string(1).always(),
  selectors: list(2, deviceSelectorShape),
  allocationMode: string(3).default("ExactCount"),
  count: int64(4).dropZero(),
  adminAccess: bool(5),
  tolerations: list(6, deviceTolerationShape),
  capacity: of(7, capacityRequirementsShape),
});
export interface ExactDeviceRequest extends Infer<typeof exactDeviceRequestShape> {}
