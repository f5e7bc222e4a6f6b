/** LocalSubjectAccessReview of authorization.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { of, type Infer } from "#machinery/shape.ts";
import { subjectAccessReviewSpecShape } from "./subject-access-review-spec.ts";
import { subjectAccessReviewStatusShape } from "./subject-access-review-status.ts";

export const localSubjectAccessReviewShape = kind("api.authorization.v1.LocalSubjectAccessReview", {
  spec: of(2, subjectAccessReviewSpecShape).always(),
  status: of(3, subjectAccessReviewStatusShape).always().unlisted(),
});
export interface LocalSubjectAccessReview extends Infer<typeof localSubjectAccessReviewShape> {}

export const localSubjectAccessReviews = resource<LocalSubjectAccessReview>({
  group: "authorization.k8s.io",
  version: "v1",
  kind: "LocalSubjectAccessReview",
  plural: "localsubjectaccessreviews",
  namespaced: true,
  shape: localSubjectAccessReviewShape,
  verbs: ["create"],
});
