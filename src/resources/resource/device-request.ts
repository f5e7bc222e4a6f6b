/** Device request: messages that kinds of resource/v1 are made of. */
import { list, object, of, string, type Infer } from "#machinery/shape.ts";
import { deviceSubRequestShape } from "./device-sub-request.ts";
import { exactDeviceRequestShape } from "./exact-device-request.ts";

export const deviceRequestShape = object("api.resource.v1.DeviceRequest", {
  name: string(1).always(),
  exactly: of(2, exactDeviceRequestShape),
  firstAvailable: list(3, deviceSubRequestShape),
});
export interface DeviceRequest extends Infer<typeof deviceRequestShape> {}
