/** Subject: messages that kinds of rbac/v1 are made of. */
import { atomicObject, string, type Infer } from "#machinery/shape.ts";

export const subjectShape = atomicObject("api.rbac.v1.Subject", {
  kind: string(1).always(),
  apiGroup: string(2),
  name: string(3).always(),
  namespace: string(4),
});
export interface Subject extends Infer<typeof subjectShape> {}

/** The subjects of one kind, by name. */
export function subjectsText(subjects: readonly Subject[] | undefined, kind: string): string {
  return (subjects ?? [])
    .filter((subject) => subject.kind === kind)
    .map(({ name, namespace }) => (kind === "ServiceAccount" && namespace ? `${namespace}/${name}` : name))
    .join(", ");
}
