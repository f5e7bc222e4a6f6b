/** Match condition: messages that kinds of admissionregistration/v1 are made of. */
import { object, string, type Infer } from "#machinery/shape.ts";

export const matchConditionShape = object("api.admissionregistration.v1.MatchCondition", {
  name: string(1).always(),
  expression: string(2).always(),
});
export interface MatchCondition extends Infer<typeof matchConditionShape> {}
