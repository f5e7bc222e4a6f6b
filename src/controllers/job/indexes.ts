/** Completion indexes as the status of a Job lists them: "1,3-5,7". Pure. */

/** Indexes outside `0 <= index < completions` are left out. */
export function parseIndexes(text: string | undefined, completions: number): ReadonlySet<number> {
  const indexes = new Set<number>();
  for (const part of (text ?? "").split(",")) {
    if (part === "") continue;
    const [first = 0, last = first] = part.split("-").map(Number);
    for (let index = first; index <= last && index < completions; index += 1) indexes.add(index);
  }
  return indexes;
}

/** Three or more in a row are written as a range. */
export function formatIndexes(indexes: ReadonlySet<number>): string {
  const sorted = [...indexes].toSorted((a, b) => a - b);
  const parts: string[] = [];
  for (let at = 0; at < sorted.length;) {
    const first = sorted[at] ?? 0;
    let length = 1;
    while (sorted[at + length] === first + length) length += 1;
    if (length === 1) parts.push(`${first}`);
    else parts.push(`${first}${length === 2 ? "," : "-"}${first + length - 1}`);
    at += length;
  }
  return parts.join(",");
}
