/** SelfSubjectAccessReview of authorization.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { object, of, type Infer } from "#machinery/shape.ts";
import { nonResourceAttributesShape } from "./non-resource-attributes.ts";
import { resourceAttributesShape } from "./resource-attributes.ts";
import { subjectAccessReviewStatusShape } from "./subject-access-review-status.ts";

export const selfSubjectAccessReviewSpecShape = object("api.authorization.v1.SelfSubjectAccessReviewSpec", {
  resourceAttributes: of(1, resourceAttributesShape),
  nonResourceAttributes: of(2, nonResourceAttributesShape),
});
export interface SelfSubjectAccessReviewSpec extends Infer<typeof selfSubjectAccessReviewSpecShape> {}

export const selfSubjectAccessReviewShape = kind("api.authorization.v1.SelfSubjectAccessReview", {
  spec: of(2, selfSubjectAccessReviewSpecShape).always(),
  status: of(3, subjectAccessReviewStatusShape).always().unlisted(),
});
export interface SelfSubjectAccessReview extends Infer<typeof selfSubjectAccessReviewShape> {}

export const selfSubjectAccessReviews = resource<SelfSubjectAccessReview>({
  group: "authorization.k8s.io",
  version: "v1",
  kind: "SelfSubjectAccessReview",
  plural: "selfsubjectaccessreviews",
  namespaced: false,
  shape: selfSubjectAccessReviewShape,
  verbs: ["create"],
});
