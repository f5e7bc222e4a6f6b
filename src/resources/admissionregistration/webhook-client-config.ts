/** Webhook client config: messages that kinds of admissionregistration/v1 are made of. */
import { bytes, object, of, string, type Infer } from "#machinery/shape.ts";
import { serviceReferenceShape } from "./service-reference.ts";

export const webhookClientConfigShape = object("api.admissionregistration.v1.WebhookClientConfig", {
  url: string(3).keepZero(),
  service: of(1, serviceReferenceShape),
  caBundle: bytes(2),
});
export interface WebhookClientConfig extends Infer<typeof webhookClientConfigShape> {}
