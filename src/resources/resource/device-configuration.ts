/** Device configuration: messages that kinds of resource/v1 are made of. */
import { object, of, type Infer } from "#machinery/shape.ts";
import { opaqueDeviceConfigurationShape } from "./opaque-device-configuration.ts";

export const deviceConfigurationShape = object("api.resource.v1.DeviceConfiguration", {
  opaque: of(1, opaqueDeviceConfigurationShape),
});
export interface DeviceConfiguration extends Infer<typeof deviceConfigurationShape> {}
