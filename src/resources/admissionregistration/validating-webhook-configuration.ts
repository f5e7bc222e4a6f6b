/** ValidatingWebhookConfiguration of admissionregistration.k8s.io/v1. */
import { labelSelector } from "#machinery/meta.ts";
import { kind, resource } from "#machinery/resource.ts";
import { int32, list, listMap, object, of, oneOf, str, string, type Infer } from "#machinery/shape.ts";
import { matchConditionShape } from "./match-condition.ts";
import { ruleWithOperationsShape } from "./rule-with-operations.ts";
import { webhookClientConfigShape } from "./webhook-client-config.ts";
import { ageColumn, nameColumn, integer } from "#machinery/table.ts";
import { checkWebhooks } from "./webhook-rules.ts";

export const validatingWebhookShape = object("api.admissionregistration.v1.ValidatingWebhook", {
  name: string(1).always(),
  clientConfig: of(2, webhookClientConfigShape).always(),
  rules: list(3, ruleWithOperationsShape),
  failurePolicy: oneOf(4, ["Ignore", "Fail"]).keepZero().default("Fail"),
  matchPolicy: oneOf(9, ["Exact", "Equivalent"]).keepZero().default("Equivalent"),
  namespaceSelector: of(5, labelSelector).default({}),
  objectSelector: of(10, labelSelector).default({}),
  sideEffects: oneOf(6, ["Unknown", "None", "Some", "NoneOnDryRun"]).required(),
  timeoutSeconds: int32(7).default(10),
  admissionReviewVersions: list(8, str).always(),
  matchConditions: listMap(11, ["name"], matchConditionShape).patchMerge("name"),
});
export interface ValidatingWebhook extends Infer<typeof validatingWebhookShape> {}

export const validatingWebhookConfigurationShape = kind("api.admissionregistration.v1.ValidatingWebhookConfiguration", {
  webhooks: listMap(2, ["name"], validatingWebhookShape).patchMerge("name"),
});
export interface ValidatingWebhookConfiguration extends Infer<typeof validatingWebhookConfigurationShape> {}

export const validatingWebhookConfigurations = resource<ValidatingWebhookConfiguration>({
  group: "admissionregistration.k8s.io",
  version: "v1",
  kind: "ValidatingWebhookConfiguration",
  plural: "validatingwebhookconfigurations",
  categories: ["api-extensions"],
  namespaced: false,
  shape: validatingWebhookConfigurationShape,
  columns: [nameColumn, integer("Webhooks", (one) => one.webhooks?.length ?? 0), ageColumn],
  generationFields: ["webhooks"],
  check: checkWebhooks,
});
