/** Keeps a failure in a callback where it happened: whoever calls back goes on with the others. */
import { messageOf } from "#base/assert.ts";
import type { Log } from "#base/log.ts";

/** The same callback; what it throws is logged, with what it was about. */
export function guarded<Args extends readonly unknown[]>(
  log: Log,
  what: string,
  callback: (...args: Args) => void,
): (...args: Args) => void {
  return (...args) => {
    try {
      callback(...args);
    } catch (error) {
      log.error("a callback failed", { what, error: messageOf(error) });
    }
  };
}
