/** Cel device selector: messages that kinds of resource/v1 are made of. */
import { object, string, type Infer } from "#machinery/shape.ts";

export const celDeviceSelectorShape = object("api.resource.v1.CELDeviceSelector", {
  expression: string(1).always(),
});
export interface CELDeviceSelector extends Infer<typeof celDeviceSelectorShape> {}
