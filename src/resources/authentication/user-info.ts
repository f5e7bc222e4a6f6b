/** User info: messages that kinds of authentication/v1 are made of. */
import { list, listOf, map, object, str, string, type Infer } from "#machinery/shape.ts";

export const userInfoShape = object("api.authentication.v1.UserInfo", {
  username: string(1),
  uid: string(2),
  groups: list(3, str),
  extra: map(4, listOf(str)),
});
export interface UserInfo extends Infer<typeof userInfoShape> {}
