/** TokenReview of authentication.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { bool, list, object, of, str, string, type Infer } from "#machinery/shape.ts";
import { userInfoShape } from "./user-info.ts";

export const tokenReviewSpecShape = object("api.authentication.v1.TokenReviewSpec", {
  token: string(1).required(),
  audiences: list(2, str),
});
export interface TokenReviewSpec extends Infer<typeof tokenReviewSpecShape> {}

export const tokenReviewStatusShape = object("api.authentication.v1.TokenReviewStatus", {
  authenticated: bool(1).dropZero(),
  user: of(2, userInfoShape).always().unlisted(),
  audiences: list(4, str),
  error: string(3),
});
export interface TokenReviewStatus extends Infer<typeof tokenReviewStatusShape> {}

export const tokenReviewShape = kind("api.authentication.v1.TokenReview", {
  spec: of(2, tokenReviewSpecShape).always(),
  status: of(3, tokenReviewStatusShape).always().unlisted(),
});
export interface TokenReview extends Infer<typeof tokenReviewShape> {}

export const tokenReviews = resource<TokenReview>({
  group: "authentication.k8s.io",
  version: "v1",
  kind: "TokenReview",
  plural: "tokenreviews",
  namespaced: false,
  shape: tokenReviewShape,
  verbs: ["create"],
});
