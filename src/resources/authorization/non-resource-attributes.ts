/** Non resource attributes: messages that kinds of authorization/v1 are made of. */
import { object, string, type Infer } from "#machinery/shape.ts";

export const nonResourceAttributesShape = object("api.authorization.v1.NonResourceAttributes", {
  path: string(1),
  verb: string(2),
});
export interface NonResourceAttributes extends Infer<typeof nonResourceAttributesShape> {}
