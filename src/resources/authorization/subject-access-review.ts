/** SubjectAccessReview of authorization.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { of, type Infer } from "#machinery/shape.ts";
import { subjectAccessReviewSpecShape } from "./subject-access-review-spec.ts";
import { subjectAccessReviewStatusShape } from "./subject-access-review-status.ts";

export const subjectAccessReviewShape = kind("api.authorization.v1.SubjectAccessReview", {
  spec: of(2, subjectAccessReviewSpecShape).always(),
  status: of(3, subjectAccessReviewStatusShape).always().unlisted(),
});
export interface SubjectAccessReview extends Infer<typeof subjectAccessReviewShape> {}

export const subjectAccessReviews = resource<SubjectAccessReview>({
  group: "authorization.k8s.io",
  version: "v1",
  kind: "SubjectAccessReview",
  plural: "subjectaccessreviews",
  namespaced: false,
  shape: subjectAccessReviewShape,
  verbs: ["create"],
});
