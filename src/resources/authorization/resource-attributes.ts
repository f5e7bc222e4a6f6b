/** Resource attributes: messages that kinds of authorization/v1 are made of. */
import { object, of, string, type Infer } from "#machinery/shape.ts";
import { fieldSelectorAttributesShape } from "./field-selector-attributes.ts";
import { labelSelectorAttributesShape } from "./label-selector-attributes.ts";

export const resourceAttributesShape = object("api.authorization.v1.ResourceAttributes", {
  namespace: string(1),
  verb: string(2),
  group: string(3),
  version: string(4),
  resource: string(5),
  subresource: string(6),
  name: string(7),
  fieldSelector: of(8, fieldSelectorAttributesShape),
  labelSelector: of(9, labelSelectorAttributesShape),
});
export interface ResourceAttributes extends Infer<typeof resourceAttributesShape> {}
