/** SelfSubjectReview of authentication.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { object, of, type Infer } from "#machinery/shape.ts";
import { userInfoShape } from "./user-info.ts";

export const selfSubjectReviewStatusShape = object("api.authentication.v1.SelfSubjectReviewStatus", {
  userInfo: of(1, userInfoShape).always().unlisted(),
});
export interface SelfSubjectReviewStatus extends Infer<typeof selfSubjectReviewStatusShape> {}

export const selfSubjectReviewShape = kind("api.authentication.v1.SelfSubjectReview", {
  status: of(2, selfSubjectReviewStatusShape).always().unlisted(),
});
export interface SelfSubjectReview extends Infer<typeof selfSubjectReviewShape> {}

export const selfSubjectReviews = resource<SelfSubjectReview>({
  group: "authentication.k8s.io",
  version: "v1",
  kind: "SelfSubjectReview",
  plural: "selfsubjectreviews",
  namespaced: false,
  shape: selfSubjectReviewShape,
  verbs: ["create"],
});
