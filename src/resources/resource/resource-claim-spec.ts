/** Resource claim spec: messages that kinds of resource/v1 are made of. */
import { object, of, type Infer } from "#machinery/shape.ts";
import { deviceClaimShape } from "./device-claim.ts";

export const resourceClaimSpecShape = object("api.resource.v1.ResourceClaimSpec", {
  devices: of(1, deviceClaimShape).always().unlisted(),
});
export interface ResourceClaimSpec extends Infer<typeof resourceClaimSpecShape> {}
