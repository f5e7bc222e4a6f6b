/** Opaque device configuration: messages that kinds of resource/v1 are made of. */
import { object, rawExtension, string, type Infer } from "#machinery/shape.ts";

export const opaqueDeviceConfigurationShape = object("api.resource.v1.OpaqueDeviceConfiguration", {
  driver: string(1).always(),
  parameters: rawExtension(2).always(),
});
export interface OpaqueDeviceConfiguration extends Infer<typeof opaqueDeviceConfigurationShape> {}
