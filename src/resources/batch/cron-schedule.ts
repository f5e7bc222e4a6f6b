/**
 * Whether a text is a schedule: five fields of minute, hour, day of month, month and day of week, or a name like
 * "@hourly" or "@every 1h". The sentences are those users know from upstream.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax
 */
import { goDurationNanos } from "#machinery/go-duration.ts";

interface FieldBounds {
  readonly least: number;
  readonly most: number;
  readonly names: readonly string[];
}

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const bounds: readonly FieldBounds[] = [
  { least: 0, most: 59, names: [] },
  { least: 0, most: 23, names: [] },
  { least: 1, most: 31, names: [] },
  { least: 1, most: 12, names: months },
  { least: 0, most: 6, names: days },
];
const descriptors = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];

/** A number of a field, or the sentence that says why it is none. */
function readNumber(text: string, { least, names }: FieldBounds): number | string {
  const named = names.indexOf(text.toLowerCase());
  if (named >= 0) return named + least;
  if (/^\+?\d+$/.test(text)) return Number(text);
  if (/^-\d+$/.test(text)) return `negative number (${Number(text)}) not allowed: ${text}`;
  return `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`;
}

function rangeProblem(text: string, field: FieldBounds): string | undefined {
  const [span = "", step, ...moreSteps] = text.split("/");
  const [first = "", last, ...moreEnds] = span.split("-");
  const isAny = first === "*" || first === "?";
  let [start, end] = [field.least, field.most];
  if (!isAny) {
    const low = readNumber(first, field);
    if (typeof low === "string") return low;
    const high = last === undefined ? low : readNumber(last, field);
    if (moreEnds.length > 0) return `too many hyphens: ${text}`;
    if (typeof high === "string") return high;
    start = low;
    // "5/10" means from 5 to the end of the field.
    end = last === undefined && step !== undefined ? field.most : high;
  }
  if (moreSteps.length > 0) return `too many slashes: ${text}`;
  const width = step === undefined ? 1 : readNumber(step, { ...field, names: [] });
  if (typeof width === "string") return width;
  if (start < field.least) return `beginning of range (${start}) below minimum (${field.least}): ${text}`;
  if (end > field.most) return `end of range (${end}) above maximum (${field.most}): ${text}`;
  if (start > end) return `beginning of range (${start}) beyond end of range (${end}): ${text}`;
  return width === 0 ? `step of range should be a positive number: ${text}` : undefined;
}

/** What is wrong with a schedule; undefined when nothing is. */
export function scheduleProblem(schedule: string): string | undefined {
  if (schedule.startsWith("@")) {
    if (descriptors.includes(schedule)) return undefined;
    if (!schedule.startsWith("@every ")) return `unrecognized descriptor: ${schedule}`;
    const every = schedule.slice("@every ".length);
    if (!Number.isNaN(goDurationNanos(every))) return undefined;
    return `failed to parse duration ${schedule}: time: invalid duration ${JSON.stringify(every)}`;
  }
  const fields = schedule.split(/\s+/).filter((field) => field !== "");
  if (fields.length !== bounds.length)
    return `expected exactly 5 fields, found ${fields.length}: [${fields.join(" ")}]`;
  for (const [index, field] of fields.entries())
    for (const part of field.split(",")) {
      const bound = bounds[index];
      const problem = bound && part !== "" ? rangeProblem(part, bound) : undefined;
      if (problem !== undefined) return problem;
    }
  return undefined;
}
