/** The kinds that are answered when they are created: who am I, may I, is this token good. */
import type { KubeObject } from "#machinery/meta.ts";
import type { SelfSubjectReview } from "#resources/authentication/self-subject-review.ts";
import type { TokenReview } from "#resources/authentication/token-review.ts";
import type { LocalSubjectAccessReview } from "#resources/authorization/local-subject-access-review.ts";
import type { SelfSubjectAccessReview } from "#resources/authorization/self-subject-access-review.ts";
import type { SelfSubjectRulesReview } from "#resources/authorization/self-subject-rules-review.ts";
import type { SubjectAccessReview } from "#resources/authorization/subject-access-review.ts";
import {
  reviewLocalSubjectAccess,
  reviewSelf,
  reviewSelfSubjectAccess,
  reviewSelfSubjectRules,
  reviewSubjectAccess,
  reviewToken,
  type ReviewParts,
} from "./authorization/reviews.ts";
import type { CreateHook } from "./server.ts";

/** Hooks by the id of the kind. Each cast holds because a hook is only given objects of its kind. */
export function reviewHooks(parts: ReviewParts): ReadonlyMap<string, CreateHook> {
  const authentication = "authentication.k8s.io";
  const authorization = "authorization.k8s.io";
  const hooks: readonly (readonly [string, CreateHook])[] = [
    [`tokenreviews.${authentication}`, (object: KubeObject) => reviewToken(parts, object as TokenReview)],
    [
      `selfsubjectreviews.${authentication}`,
      (object, call) => reviewSelf(parts, call.user, object as SelfSubjectReview),
    ],
    [`subjectaccessreviews.${authorization}`, (object) => reviewSubjectAccess(parts, object as SubjectAccessReview)],
    [
      `localsubjectaccessreviews.${authorization}`,
      (object, call) => reviewLocalSubjectAccess(parts, call.key.namespace, object as LocalSubjectAccessReview),
    ],
    [
      `selfsubjectaccessreviews.${authorization}`,
      (object, call) => reviewSelfSubjectAccess(parts, call.user, object as SelfSubjectAccessReview),
    ],
    [
      `selfsubjectrulesreviews.${authorization}`,
      (object, call) => reviewSelfSubjectRules(parts, call.user, object as SelfSubjectRulesReview),
    ],
  ];
  return new Map(hooks);
}
