/**
 * Time, as something that is given. Only this file and chance (random.ts) wrap the machine's own, so that a whole
 * cluster can run in virtual time (src/testing/virtual-clock.ts).
 */

/** A timer that has not fired. Disposing of it cancels it; both may be called at any time. */
export interface Timer extends Disposable {
  cancel(): void;
}

export interface Clock {
  /** Wall clock in milliseconds since the epoch. May jump. */
  nowMs(): number;
  /** A clock that only goes forward, in milliseconds from an unknown start. */
  monotonicMs(): number;
  /** Runs `callback` once, no earlier than `delayMs` from now. */
  after(delayMs: number, callback: () => void): Timer;
  /** Resolves after `delayMs`. Rejects with the signal's reason when it is aborted first. */
  sleep(delayMs: number, signal: AbortSignal): Promise<void>;
}

// Node truncates longer delays to 1 ms.
const delayMsMax = 2_147_483_647;

class MachineClock implements Clock {
  nowMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }

  after(delayMs: number, callback: () => void): Timer {
    const handle = setTimeout(callback, Math.min(Math.max(delayMs, 0), delayMsMax));
    const cancel = (): void => clearTimeout(handle);
    return { cancel, [Symbol.dispose]: cancel };
  }

  sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    return sleepOn(this, delayMs, signal);
  }
}

/** The sleep of every clock, in terms of its `after`. */
export function sleepOn(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(abortReason(signal));
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(abortReason(signal));
    };
    const timer = clock.after(delayMs, () => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

/** The reason a signal was aborted with, always as an Error. */
export function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error("aborted", { cause: signal.reason });
}

// Most times that are written are of the second that is.
let lastSecond = Number.NaN;
let lastText = "";

/** RFC 3339 with seconds, the form of metav1.Time. */
export function rfc3339(ms: number): string {
  const second = Math.floor(ms / 1000);
  if (second !== lastSecond) {
    lastSecond = second;
    lastText = `${new Date(ms).toISOString().slice(0, 19)}Z`;
  }
  return lastText;
}

/** RFC 3339 with microseconds, the form of metav1.MicroTime. */
export function rfc3339Micro(ms: number): string {
  return new Date(ms).toISOString().replace("Z", "000Z");
}

export const machineClock: Clock = new MachineClock();

/**
 * A signal that is aborted with the given one, or after `timeoutMs`. Disposing of it ends both: whatever still listens
 * to it then is neither told nor, by a signal that lives long, kept in memory.
 */
export function deadline(
  clock: Clock,
  timeoutMs: number,
  signal?: AbortSignal,
): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const timer = clock.after(timeoutMs, () => controller.abort(new Error(`not done within ${timeoutMs} ms`)));
  const leave = (): void => controller.abort(signal?.reason);
  if (signal?.aborted) leave();
  else signal?.addEventListener("abort", leave, { once: true });
  const dispose = (): void => {
    timer.cancel();
    signal?.removeEventListener("abort", leave);
  };
  return { signal: controller.signal, [Symbol.dispose]: dispose };
}
