/** Subject access review spec: messages that kinds of authorization/v1 are made of. */
import { list, listOf, map, object, of, str, string, type Infer } from "#machinery/shape.ts";
import { nonResourceAttributesShape } from "./non-resource-attributes.ts";
import { resourceAttributesShape } from "./resource-attributes.ts";

export const subjectAccessReviewSpecShape = object("api.authorization.v1.SubjectAccessReviewSpec", {
  resourceAttributes: of(1, resourceAttributesShape),
  nonResourceAttributes: of(2, nonResourceAttributesShape),
  user: string(3),
  groups: list(4, str),
  extra: map(5, listOf(str)),
  uid: string(6),
});
export interface SubjectAccessReviewSpec extends Infer<typeof subjectAccessReviewSpecShape> {}
