/** Label selector attributes: messages that kinds of authorization/v1 are made of. */
import { labelSelectorRequirement } from "#machinery/meta.ts";
import { list, object, string, type Infer } from "#machinery/shape.ts";

export const labelSelectorAttributesShape = object("api.authorization.v1.LabelSelectorAttributes", {
  rawSelector: string(1),
  requirements: list(2, labelSelectorRequirement),
});
export interface LabelSelectorAttributes extends Infer<typeof labelSelectorAttributesShape> {}
