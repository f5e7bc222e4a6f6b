/** One input after another, each under guard: what it costs, whether it was refused in a sentence, and what to say of it. */
import { messageOf } from "#base/assert.ts";

/** What one input may cost, measured again when it costs more, so that a busy machine is not taken for a fault. */
export const cpuMsMax = 250;
const measuredTimes = 3;

export interface Finding {
  /** The decoder or the kind. */
  readonly target: string;
  /** Names the input together with the target. */
  readonly seed: string;
  readonly what: string;
}

/** What became of the inputs of one decoder or kind. */
export interface Tally {
  readonly target: string;
  taken: number;
  refused: number;
  slowestMs: number;
}

/** An input's outcome: "taken", "refused", or what is wrong with it. */
export type Outcome = "taken" | "refused" | { readonly wrong: string };

const faults: ReadonlySet<string> = new Set([
  "TypeError",
  "RangeError",
  "ReferenceError",
  "AssertionError",
  "EvalError",
]);

/** True for what a user can read: an error of the code itself says that it did not foresee the input. */
export function isRefusal(error: unknown): error is Error {
  return (
    error instanceof Error && !faults.has(error.name) && !faults.has(error.constructor.name) && error.message !== ""
  );
}

export async function outcomeOf(act: () => unknown): Promise<Outcome> {
  try {
    await act();
    return "taken";
  } catch (error) {
    if (isRefusal(error)) return "refused";
    const place = error instanceof Error ? (error.stack ?? "").split("\n").find((line) => line.includes("/src/")) : "";
    return {
      wrong: `${error instanceof Error ? error.name : typeof error}: ${messageOf(error).slice(0, 200)}${place}`,
    };
  }
}

/** The CPU that `act` takes, in milliseconds: the least of several times when the first is beyond the limit. */
export async function measured(act: () => Promise<unknown>, limitMs: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let time = 0; time < measuredTimes; time += 1) {
    const before = process.threadCpuUsage();
    await act();
    const { user, system } = process.threadCpuUsage(before);
    least = Math.min(least, (user + system) / 1_000);
    if (least <= limitMs) return least;
  }
  return least;
}
