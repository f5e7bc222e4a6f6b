/** Device selector: messages that kinds of resource/v1 are made of. */
import { object, of, type Infer } from "#machinery/shape.ts";
import { celDeviceSelectorShape } from "./cel-device-selector.ts";

export const deviceSelectorShape = object("api.resource.v1.DeviceSelector", {
  cel: of(1, celDeviceSelectorShape),
});
export interface DeviceSelector extends Infer<typeof deviceSelectorShape> {}
