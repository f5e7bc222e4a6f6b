/** Role ref: messages that kinds of rbac/v1 are made of. */
import { atomicObject, string, type Infer } from "#machinery/shape.ts";

export const roleRefShape = atomicObject("api.rbac.v1.RoleRef", {
  apiGroup: string(1).always().unlisted().default("rbac.authorization.k8s.io"),
  kind: string(2).always(),
  name: string(3).always(),
});
export interface RoleRef extends Infer<typeof roleRefShape> {}
