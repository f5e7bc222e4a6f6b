/** MutatingWebhookConfiguration of admissionregistration.k8s.io/v1. */
import { labelSelector } from "#machinery/meta.ts";
import { kind, resource } from "#machinery/resource.ts";
import { int32, list, listMap, object, of, oneOf, str, string, type Infer } from "#machinery/shape.ts";
import { matchConditionShape } from "./match-condition.ts";
import { ruleWithOperationsShape } from "./rule-with-operations.ts";
import { webhookClientConfigShape } from "./webhook-client-config.ts";
import { ageColumn, nameColumn, integer } from "#machinery/table.ts";
import { checkWebhooks } from "./webhook-rules.ts";

export const mutatingWebhookShape = object("api.admissionregistration.v1.MutatingWebhook", {
  name: string(1).always(),
  clientConfig: of(2, webhookClientConfigShape).always(),
  rules: list(3, ruleWithOperationsShape),
  failurePolicy: oneOf(4, ["Ignore", "Fail"]).keepZero().default("Fail"),
  matchPolicy: oneOf(9, ["Exact", "Equivalent"]).keepZero().default("Equivalent"),
  namespaceSelector: of(5, labelSelector).default({}),
  objectSelector: of(11, labelSelector).default({}),
  sideEffects: oneOf(6, ["Unknown", "None", "Some", "NoneOnDryRun"]).required(),
  timeoutSeconds: int32(7).default(10),
  admissionReviewVersions: list(8, str).always(),
  reinvocationPolicy: oneOf(10, ["Never", "IfNeeded"]).keepZero().default("Never"),
  matchConditions: listMap(12, ["name"], matchConditionShape).patchMerge("name"),
});
export interface MutatingWebhook extends Infer<typeof mutatingWebhookShape> {}

export const mutatingWebhookConfigurationShape = kind("api.admissionregistration.v1.MutatingWebhookConfiguration", {
  webhooks: listMap(2, ["name"], mutatingWebhookShape).patchMerge("name"),
});
export interface MutatingWebhookConfiguration extends Infer<typeof mutatingWebhookConfigurationShape> {}

export const mutatingWebhookConfigurations = resource<MutatingWebhookConfiguration>({
  group: "admissionregistration.k8s.io",
  version: "v1",
  kind: "MutatingWebhookConfiguration",
  plural: "mutatingwebhookconfigurations",
  categories: ["api-extensions"],
  namespaced: false,
  shape: mutatingWebhookConfigurationShape,
  columns: [nameColumn, integer("Webhooks", (one) => one.webhooks?.length ?? 0), ageColumn],
  generationFields: ["webhooks"],
  check: checkWebhooks,
});
