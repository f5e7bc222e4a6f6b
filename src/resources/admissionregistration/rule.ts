/** Rule: messages that kinds of admissionregistration/v1 are made of. */
import { list, object, oneOf, str, type Infer } from "#machinery/shape.ts";

export const ruleShape = object("api.admissionregistration.v1.Rule", {
  apiGroups: list(1, str),
  apiVersions: list(2, str),
  resources: list(3, str),
  scope: oneOf(4, ["Cluster", "Namespaced", "*"]).keepZero().default("*"),
});
export interface Rule extends Infer<typeof ruleShape> {}
