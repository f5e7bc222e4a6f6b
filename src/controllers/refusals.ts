/** What a refusal means to a controller: whether anybody needs to hear of it, and whether trying again can help. */
import { StatusError } from "#machinery/status.ts";

// These say that the world moved on: the key is looked at anew, and nobody needs to hear of it.
const quietReasons = new Set(["Conflict", "AlreadyExists", "NotFound", "Expired"]);

export function isQuiet(thrown: unknown): boolean {
  return thrown instanceof StatusError && quietReasons.has(thrown.reason);
}

/** The namespace is being emptied: nothing can be created in it any more, and what asks for it goes soon, too. */
export function isNamespaceTerminating(thrown: unknown): boolean {
  return (
    thrown instanceof StatusError &&
    (thrown.details?.causes ?? []).some(({ reason }) => reason === "NamespaceTerminating")
  );
}
