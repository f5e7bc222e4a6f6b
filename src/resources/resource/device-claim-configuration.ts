/** Device claim configuration: messages that kinds of resource/v1 are made of. */
import { inline, list, object, str, type Infer } from "#machinery/shape.ts";
import { deviceConfigurationShape } from "./device-configuration.ts";

export const deviceClaimConfigurationShape = object("api.resource.v1.DeviceClaimConfiguration", {
  requests: list(1, str),
  deviceConfiguration: inline(2, deviceConfigurationShape),
});
export interface DeviceClaimConfiguration extends Infer<typeof deviceClaimConfigurationShape> {}
