/**
 * The questions one may ask of authentication and authorization. They are created and answered, never stored.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
 */
import { rfc3339, type Clock } from "#base/clock.ts";
import { required } from "#machinery/field-error.ts";
import { badRequest, invalid, isReason } from "#machinery/status.ts";
import type { SelfSubjectReview } from "#resources/authentication/self-subject-review.ts";
import type { TokenReview } from "#resources/authentication/token-review.ts";
import type { LocalSubjectAccessReview } from "#resources/authorization/local-subject-access-review.ts";
import type { SelfSubjectAccessReview } from "#resources/authorization/self-subject-access-review.ts";
import type { SelfSubjectRulesReview } from "#resources/authorization/self-subject-rules-review.ts";
import type { SubjectAccessReview } from "#resources/authorization/subject-access-review.ts";
import type { PolicyRule } from "#resources/rbac/policy-rule.ts";
import type { Attributes, Authorizer, User } from "../access.ts";
import type { ServiceAccountTokens } from "../authentication/service-account-token.ts";
import type { RuleSource } from "./rbac.ts";

export interface ReviewParts {
  readonly authorizer: Authorizer;
  readonly rules: RuleSource;
  readonly tokens: ServiceAccountTokens;
  readonly audiences: readonly string[];
  readonly clock: Clock;
}

type Spec = SubjectAccessReview["spec"];

function attributesOf(user: User, spec: Pick<Spec, "resourceAttributes" | "nonResourceAttributes">): Attributes {
  const resource = spec.resourceAttributes;
  if (!resource) {
    const { path = "", verb = "" } = spec.nonResourceAttributes ?? {};
    return { kind: "path", user, verb, path };
  }
  return {
    kind: "resource",
    user,
    verb: resource.verb ?? "",
    group: resource.group ?? "",
    version: resource.version ?? "",
    resource: resource.resource ?? "",
    subresource: resource.subresource ?? "",
    namespace: resource.namespace ?? "",
    name: resource.name ?? "",
    fieldSelector: resource.fieldSelector?.rawSelector ?? "",
    labelSelector: resource.labelSelector?.rawSelector ?? "",
  };
}

function checkSpec(kind: string, spec: Pick<Spec, "resourceAttributes" | "nonResourceAttributes">): void {
  if (Boolean(spec.resourceAttributes) !== Boolean(spec.nonResourceAttributes)) return;
  throw invalid({ group: "authorization.k8s.io", resource: kind, name: "" }, [
    required("spec.resourceAttributes", "exactly one of nonResourceAttributes or resourceAttributes must be specified"),
  ]);
}

function statusOf(authorizer: Authorizer, attributes: Attributes): SubjectAccessReview["status"] {
  const { kind, reason } = authorizer.authorize(attributes);
  return {
    allowed: kind === "allowed",
    ...(kind === "denied" ? { denied: true } : {}),
    ...(reason === "" ? {} : { reason }),
  };
}

function subjectOf(spec: Spec, kind: string): User {
  const { user = "", groups = [], extra = {}, uid } = spec;
  if (user === "" && groups.length === 0)
    throw invalid({ group: "authorization.k8s.io", resource: kind, name: "" }, [
      required("spec.user", "at least one of user or group must be specified"),
    ]);
  return { name: user, groups, extra, ...(uid === undefined ? {} : { uid }) };
}

export function reviewSubjectAccess(parts: ReviewParts, review: SubjectAccessReview): SubjectAccessReview {
  checkSpec(review.kind, review.spec);
  const user = subjectOf(review.spec, review.kind);
  return { ...review, status: statusOf(parts.authorizer, attributesOf(user, review.spec)) };
}

export function reviewLocalSubjectAccess(
  parts: ReviewParts,
  namespace: string,
  review: LocalSubjectAccessReview,
): LocalSubjectAccessReview {
  checkSpec(review.kind, review.spec);
  if (review.spec.resourceAttributes?.namespace !== namespace)
    throw badRequest(`spec.resourceAttributes.namespace must match namespace: ${namespace}`);
  const user = subjectOf(review.spec, review.kind);
  return { ...review, status: statusOf(parts.authorizer, attributesOf(user, review.spec)) };
}

export function reviewSelfSubjectAccess(
  parts: ReviewParts,
  user: User,
  review: SelfSubjectAccessReview,
): SelfSubjectAccessReview {
  checkSpec(review.kind, review.spec);
  return { ...review, status: statusOf(parts.authorizer, attributesOf(user, review.spec)) };
}

export function reviewSelfSubjectRules(
  parts: ReviewParts,
  user: User,
  review: SelfSubjectRulesReview,
): SelfSubjectRulesReview {
  const namespace = review.spec.namespace ?? "";
  if (namespace === "") throw badRequest("no namespace on request");
  const rules = user.groups.includes("system:masters") ? everything : parts.rules.rulesFor(user, namespace);
  return {
    ...review,
    status: {
      resourceRules: rules
        .filter((rule) => (rule.resources ?? []).length > 0)
        .map(({ verbs, apiGroups, resources, resourceNames }) => ({
          verbs,
          ...(apiGroups ? { apiGroups } : {}),
          ...(resources ? { resources } : {}),
          ...(resourceNames ? { resourceNames } : {}),
        })),
      nonResourceRules: rules
        .filter((rule) => (rule.nonResourceURLs ?? []).length > 0)
        .map(({ verbs, nonResourceURLs }) => ({ verbs, ...(nonResourceURLs ? { nonResourceURLs } : {}) })),
      incomplete: false,
    },
  };
}

const everything: readonly PolicyRule[] = [
  { verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
  { verbs: ["*"], nonResourceURLs: ["*"] },
];

export function reviewSelf(parts: ReviewParts, user: User, review: SelfSubjectReview): SelfSubjectReview {
  return {
    ...review,
    metadata: { ...review.metadata, creationTimestamp: rfc3339(parts.clock.nowMs()) },
    status: { userInfo: userInfo(user) },
  };
}

export async function reviewToken(parts: ReviewParts, review: TokenReview): Promise<TokenReview> {
  const { token, audiences = [] } = review.spec;
  if (token === "") throw badRequest("token is required for TokenReview in authentication");
  const asked = audiences.length > 0 ? audiences : parts.audiences;
  try {
    const found = await parts.tokens.review(token, asked);
    return { ...review, status: { authenticated: true, user: userInfo(found.user), audiences: found.audiences } };
  } catch (error) {
    if (!isReason(error, "Unauthorized")) throw error;
    return { ...review, status: { authenticated: false, user: {}, error: error.message } };
  }
}

function userInfo(user: User): NonNullable<TokenReview["status"]["user"]> {
  return {
    username: user.name,
    groups: user.groups,
    ...(user.uid === undefined ? {} : { uid: user.uid }),
    ...(user.extra === undefined ? {} : { extra: user.extra }),
  };
}
