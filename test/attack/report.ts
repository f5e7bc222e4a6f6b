/** The table of `npm run attack`. */

export interface Row {
  readonly name: string;
  /** What holds whatever the attack does. */
  readonly promised: string;
  readonly outcome: string;
  /** True when the promise was broken. */
  readonly broken: boolean;
  /** Of the server, in megabytes. */
  readonly memory?: { readonly before: number; readonly most: number; readonly after: number };
  /** The longest that another user waited for one object. */
  readonly longestMs?: number;
  /** How long the server's own event loop did not turn. */
  readonly stalls?: string;
}

/** Whether a row of this name was asked for. */
export type IsWanted = (name: string) => boolean;
/** Takes a row that comes when it comes, while others go on; it never rejects. */
export type Later = (row: Promise<Row>) => void;

export const tableHead =
  "| attack | promised | outcome | memory before, most, after | longest wait of another | longest stall of the server's loop |\n" +
  "| --- | --- | --- | --- | --- | --- |";

export function tableRow({ name, promised, outcome, broken, memory, longestMs, stalls = "" }: Row): string {
  const megabytes = memory
    ? [memory.before, memory.most, memory.after].map((value) => value.toFixed(0)).join(", ") + " MB"
    : "";
  const said = outcome.replaceAll(/[\n|]/g, " ").slice(0, 1_500);
  const wait = longestMs === undefined ? "" : `${longestMs.toFixed(0)} ms`;
  return `| ${name} | ${promised} | ${broken ? "**BROKEN**: " : ""}${said} | ${megabytes} | ${wait} | ${stalls} |`;
}
