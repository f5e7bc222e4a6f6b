/** Variable: messages that kinds of admissionregistration/v1 are made of. */
import { atomicObject, string, type Infer } from "#machinery/shape.ts";

export const variableShape = atomicObject("api.admissionregistration.v1.Variable", {
  name: string(1).always(),
  expression: string(2).always(),
});
export interface Variable extends Infer<typeof variableShape> {}
