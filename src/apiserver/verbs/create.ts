/** POST of a new object. */
import { badRequest } from "#machinery/status.ts";
import { metaText, type Core, type Draft, type WriteCall, type Written } from "../call.ts";
import { trackFields } from "./managed-fields.ts";
import { fitNamespace, wipeSystemMeta } from "./prepare.ts";
import { checkMetaSize } from "./stored-size.ts";
import { write } from "./write.ts";

/**
 * @param decode Makes a draft with defaults, anew for each try, which owns it.
 * @throws StatusError 409 when the name is taken, 422 when the object is not valid, what admission throws.
 */
export function create(core: Core, call: WriteCall, decode: () => Draft): Promise<Written> {
  return write(core, call, {
    creates: "always",
    make: async () => {
      const draft = decode();
      wipeSystemMeta(draft);
      fitNamespace(call, draft);
      const given = metaText(draft, "name");
      if (call.key.name !== "" && given !== "" && given !== call.key.name)
        throw badRequest(`the name of the object (${given}) does not match the name on the URL (${call.key.name})`);
      if (call.isLarge) {
        checkMetaSize(call, draft);
        await core.turns.next();
      }
      const tracked = trackFields(core, call, { draft, old: undefined });
      if (tracked) await tracked;
      return draft;
    },
  });
}
