/**
 * How much a stranger's object may hold, counted while it is read or walked. What an object costs follows from its
 * values, and far more from the different names in it: each is kept once by the engine, and again in every field set.
 */

/**
 * Values in what a stranger sends, and again in its field sets: each costs every step of a write something, however
 * short it is. At twenty-four bytes a value, and objects have more, it is the 1.5 MiB that upstream stores at the most.
 */
export const valuesMax = 65_536;

/**
 * Different names of members in what a stranger sends, and again in its field sets, where each item of a keyed list
 * is a name. A definition of 1.4 MB, as a generator makes it, stays far below.
 */
export const namesMax = 16_384;

/** An object with more values or names than there is time for. */
export class TooManyValuesError extends Error {
  override readonly name = "TooManyValuesError";
}

export class ValueCount {
  private valuesLeft = valuesMax;
  private readonly names = new Set<string>();

  /** @throws TooManyValuesError */
  value(): void {
    this.valuesLeft -= 1;
    if (this.valuesLeft < 0) throw new TooManyValuesError(`expected at most ${valuesMax} values in an object`);
  }

  /** @throws TooManyValuesError */
  member(name: string): void {
    this.names.add(name);
    if (this.names.size > namesMax)
      throw new TooManyValuesError(`expected at most ${namesMax} different names of members in an object`);
  }
}
