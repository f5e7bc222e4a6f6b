/** The figures of one shape on one side, and the arithmetic on them. */

export interface Figure {
  /** The one that counts: a rate for most shapes, a time for some. */
  readonly value: number;
  readonly unit: "/s" | "ms";
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly count: number;
  /** The same with those that came first and do not count: what the server had to do. */
  readonly total: number;
  /** Answers that were not the one expected, and watches that ended early. */
  readonly errors: number;
  /** The first of them, in words. */
  readonly firstError?: string;
}

/** @param values In any order; may be empty. @param share 0.5 for the median */
export function percentile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

/** The figure whose value is in the middle of several rounds; all errors are kept. */
export function medianFigure<F extends Figure>(rounds: readonly F[]): F | undefined {
  const sorted = rounds.toSorted((a, b) => a.value - b.value);
  const middle = sorted[Math.floor((sorted.length - 1) / 2)];
  if (!middle) return undefined;
  const failed = rounds.find(({ firstError }) => firstError !== undefined)?.firstError;
  return {
    ...middle,
    errors: rounds.reduce((sum, { errors }) => sum + errors, 0),
    ...(failed !== undefined && { firstError: failed }),
  };
}
