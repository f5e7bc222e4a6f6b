/** Subject access review status: messages that kinds of authorization/v1 are made of. */
import { bool, object, string, type Infer } from "#machinery/shape.ts";

export const subjectAccessReviewStatusShape = object("api.authorization.v1.SubjectAccessReviewStatus", {
  allowed: bool(1).always(),
  denied: bool(4).dropZero(),
  reason: string(2),
  evaluationError: string(3),
});
export interface SubjectAccessReviewStatus extends Infer<typeof subjectAccessReviewStatusShape> {}
