/** Bugs: a broken assumption stops the component that holds it, and its supervisor starts it anew. */

/** A broken assumption. Never caught, except by a supervisor. */
export class BugError extends Error {
  override readonly name = "BugError";
}

/** @throws BugError when `condition` is false. */
export function assert(condition: boolean, why: string): asserts condition {
  if (!condition) throw new BugError(why);
}

/** The value, which cannot be absent. @throws BugError when it is. */
export function must<T>(value: T | null | undefined, why: string): T {
  if (value === null || value === undefined) throw new BugError(why);
  return value;
}

/** Marks a place that the types say cannot be reached. */
export function unreachable(value: never): never {
  throw new BugError(`unreachable: ${JSON.stringify(value)}`);
}

/** The message of anything that was thrown, with its causes, and with what it kept from being seen. */
export function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  // A clean-up that failed after the work did: what was thrown first comes first.
  if (thrown instanceof SuppressedError) {
    const [first, second] = [messageOf(thrown.suppressed), messageOf(thrown.error)];
    return first === second ? first : `${first}, then ${second}`;
  }
  return thrown.cause === undefined ? thrown.message : `${thrown.message}: ${messageOf(thrown.cause)}`;
}
