/** A number, or a share of a total: `2` or `"25%"`. Also names of ports, which have no number of their own. */

export class IntOrStringError extends Error {
  override readonly name = "IntOrStringError";
}

/**
 * The number, or that many percent of `total`.
 *
 * @throws IntOrStringError when a text is no percentage.
 */
export function scaledValue(value: number | string, total: number, rounding: "up" | "down"): number {
  if (typeof value === "number") return value;
  if (!value.endsWith("%"))
    throw new IntOrStringError("invalid value for IntOrString: invalid type: string is not a percentage");
  const digits = value.slice(0, -1);
  if (!/^[+-]?\d+$/.test(digits)) {
    const [whole, part] = [JSON.stringify(value), JSON.stringify(digits)];
    throw new IntOrStringError(
      `invalid value for IntOrString: invalid value ${whole}: strconv.Atoi: parsing ${part}: invalid syntax`,
    );
  }
  const share = (Number(digits) * total) / 100;
  // The addition turns -0 into 0.
  return (rounding === "up" ? Math.ceil(share) : Math.floor(share)) + 0;
}

/** The number of a value that may be a number in text; 0 when it is neither. */
export function intValue(value: number | string): number {
  if (typeof value === "number") return value;
  return /^[+-]?\d+$/.test(value) ? Number(value) : 0;
}
