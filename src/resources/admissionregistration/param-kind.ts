/** Param kind: messages that kinds of admissionregistration/v1 are made of. */
import { atomicObject, string, type Infer } from "#machinery/shape.ts";

export const paramKindShape = atomicObject("api.admissionregistration.v1.ParamKind", {
  apiVersion: string(1),
  kind: string(2),
});
export interface ParamKind extends Infer<typeof paramKindShape> {}

export function paramKindText(kind: ParamKind | undefined): string {
  return kind === undefined ? "<unset>" : `${kind.apiVersion ?? ""}/${kind.kind ?? ""}`;
}
