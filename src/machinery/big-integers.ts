/**
 * Integers that no number holds exactly are bigints in JSON values. Loading this file makes `JSON.stringify` write them
 * as their digits, where it would else refuse them.
 */
declare global {
  interface JSON {
    /** A value that is written as the given text, a number, as it stands. Not yet in TypeScript's library. */
    rawJSON(text: string): unknown;
  }
}

// A large integer is written as its digits wherever an object becomes JSON again.
Reflect.defineProperty(BigInt.prototype, "toJSON", {
  configurable: true,
  writable: true,
  value(this: bigint): unknown {
    return JSON.rawJSON(this.toString());
  },
});

/** What Kubernetes keeps as an integer. */
export const int64Min = -(2n ** 63n);
export const int64Max = 2n ** 63n - 1n;
