/** Field selector attributes: messages that kinds of authorization/v1 are made of. */
import { fieldSelectorRequirement } from "#machinery/meta.ts";
import { list, object, string, type Infer } from "#machinery/shape.ts";

export const fieldSelectorAttributesShape = object("api.authorization.v1.FieldSelectorAttributes", {
  rawSelector: string(1),
  requirements: list(2, fieldSelectorRequirement),
});
export interface FieldSelectorAttributes extends Infer<typeof fieldSelectorAttributesShape> {}
