/** Subject: messages that kinds of rbac/v1 are made of. */
import { atomicObject, string, type Infer } from "#machinery/shape.ts";
import { type Draft } from "#machinery/meta.ts";

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

/** Users and groups are named in RBAC's own group, service accounts in the core group. */
export function defaultSubject(subject: Draft<Subject>): void {
  if (!subject.apiGroup && (subject.kind === "User" || subject.kind === "Group"))
    subject.apiGroup = "rbac.authorization.k8s.io";
}
