/** Service reference: messages that kinds of admissionregistration/v1 are made of. */
import { int32, object, string, type Infer } from "#machinery/shape.ts";

export const serviceReferenceShape = object("api.admissionregistration.v1.ServiceReference", {
  namespace: string(1).always(),
  name: string(2).always(),
  path: string(3).keepZero(),
  port: int32(4).default(443),
});
export interface ServiceReference extends Infer<typeof serviceReferenceShape> {}
