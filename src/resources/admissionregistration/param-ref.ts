/** Param ref: messages that kinds of admissionregistration/v1 are made of. */
import { labelSelector } from "#machinery/meta.ts";
import { atomicObject, of, string, type Infer } from "#machinery/shape.ts";
import { bareSelectorText } from "../column-texts.ts";

export const paramRefShape = atomicObject("api.admissionregistration.v1.ParamRef", {
  name: string(1),
  namespace: string(2),
  selector: of(3, labelSelector),
  parameterNotFoundAction: string(4).keepZero(),
});
export interface ParamRef extends Infer<typeof paramRefShape> {}

export function paramRefText(ref: ParamRef | undefined): string {
  if (ref?.name) return `${ref.namespace || "*"}/${ref.name}`;
  return ref?.selector ? bareSelectorText(ref.selector) : "<unset>";
}
