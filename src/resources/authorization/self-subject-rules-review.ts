/** SelfSubjectRulesReview of authorization.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { bool, list, object, of, str, string, type Infer } from "#machinery/shape.ts";

export const selfSubjectRulesReviewSpecShape = object("api.authorization.v1.SelfSubjectRulesReviewSpec", {
  namespace: string(1),
});
export interface SelfSubjectRulesReviewSpec extends Infer<typeof selfSubjectRulesReviewSpecShape> {}

export const resourceRuleShape = object("api.authorization.v1.ResourceRule", {
  verbs: list(1, str).always(),
  apiGroups: list(2, str),
  resources: list(3, str),
  resourceNames: list(4, str),
});
export interface ResourceRule extends Infer<typeof resourceRuleShape> {}

export const nonResourceRuleShape = object("api.authorization.v1.NonResourceRule", {
  verbs: list(1, str).always(),
  nonResourceURLs: list(2, str),
});
export interface NonResourceRule extends Infer<typeof nonResourceRuleShape> {}

export const subjectRulesReviewStatusShape = object("api.authorization.v1.SubjectRulesReviewStatus", {
  resourceRules: list(1, resourceRuleShape).always(),
  nonResourceRules: list(2, nonResourceRuleShape).always(),
  incomplete: bool(3).always(),
  evaluationError: string(4),
});
export interface SubjectRulesReviewStatus extends Infer<typeof subjectRulesReviewStatusShape> {}

export const selfSubjectRulesReviewShape = kind("api.authorization.v1.SelfSubjectRulesReview", {
  spec: of(2, selfSubjectRulesReviewSpecShape).always(),
  status: of(3, subjectRulesReviewStatusShape).always().unlisted(),
});
export interface SelfSubjectRulesReview extends Infer<typeof selfSubjectRulesReviewShape> {}

export const selfSubjectRulesReviews = resource<SelfSubjectRulesReview>({
  group: "authorization.k8s.io",
  version: "v1",
  kind: "SelfSubjectRulesReview",
  plural: "selfsubjectrulesreviews",
  namespaced: false,
  shape: selfSubjectRulesReviewShape,
  verbs: ["create"],
});
