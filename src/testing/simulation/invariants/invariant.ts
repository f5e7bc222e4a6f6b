/** What must hold at every write, and what must hold once faults are over and time went by. */
import type { Change, History } from "../history.ts";

/** Looked at after each write, with the history that ends with it. */
export interface Invariant {
  readonly name: string;
  /** What was found instead; undefined when it holds. */
  readonly check: (change: Change, history: History) => string | undefined;
}

/** Looked at when nothing goes wrong any more, until it holds or time is up. */
export interface Settlement {
  readonly name: string;
  /** What does not hold, and about which object. */
  readonly check: (history: History) => Iterable<Finding>;
}

export interface Finding {
  /** "resource namespace/name" */
  readonly about: string;
  readonly found: string;
}
