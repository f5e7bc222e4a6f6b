/** DELETE of a collection: every selected object by itself; what is gone meanwhile is passed over. */
import { abortReason } from "#base/clock.ts";
import type { DeleteOptions } from "#machinery/meta.ts";
import { isReason } from "#machinery/status.ts";
import type { Core, WriteCall } from "../call.ts";
import { checkDeleteOptions, remove } from "./delete.ts";
import { list, type ListOptions, type Page } from "./list.ts";

// Deletions under way at once: enough to share commits, few enough to leave room for others.
const atOnceMax = 32;

/**
 * @returns What was selected.
 * @throws StatusError 422 when the options are none, or of the first deletion that is refused, once none is under way any more.
 */
export async function removeCollection(
  core: Core,
  call: WriteCall,
  { selection, options }: { selection: ListOptions; options: DeleteOptions },
): Promise<Page> {
  checkDeleteOptions(options);
  const page = await list(core, { ...call, key: { ...call.key, name: "" } }, selection);
  const waiting = page.objects.values();
  let refusal: { readonly error: unknown } | undefined;
  const work = async (): Promise<void> => {
    for (const object of waiting) {
      // After an answer with an error nothing more may happen, and nobody waits for a client that left.
      if (refusal || call.signal.aborted) return;
      try {
        await remove(core, { ...call, key: object.key }, options);
      } catch (error) {
        if (!isReason(error, "NotFound")) refusal ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: atOnceMax }, work));
  if (refusal) throw refusal.error;
  if (call.signal.aborted) throw abortReason(call.signal);
  return page;
}
