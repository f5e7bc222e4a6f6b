/** Chance from a seed, so that a run can be repeated. */

/** Fractions in [0, 1). @see https://en.wikipedia.org/wiki/Linear_congruential_generator */
export function seededRandom(seed: number): () => number {
  let state = BigInt(seed);
  return () => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffff_ffff_ffff_ffffn;
    return Number(state >> 33n) / 2 ** 31;
  };
}
