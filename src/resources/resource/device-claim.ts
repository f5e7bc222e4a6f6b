/** Device claim: messages that kinds of resource/v1 are made of. */
import { list, object, type Infer } from "#machinery/shape.ts";
import { deviceClaimConfigurationShape } from "./device-claim-configuration.ts";
import { deviceConstraintShape } from "./device-constraint.ts";
import { deviceRequestShape } from "./device-request.ts";

export const deviceClaimShape = object("api.resource.v1.DeviceClaim", {
  requests: list(1, deviceRequestShape).always().unlisted(),
  constraints: list(2, deviceConstraintShape),
  config: list(3, deviceClaimConfigurationShape),
});
export interface DeviceClaim extends Infer<typeof deviceClaimShape> {}
