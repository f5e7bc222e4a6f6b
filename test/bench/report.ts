/** The table: printed, and kept in docs/bench.md with the machine it was measured on. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** One line of the table. */
export interface Row {
  readonly what: string;
  /** One for each side. */
  readonly cells: readonly string[];
  readonly goal?: string;
  readonly met?: boolean;
}

export interface Report {
  /** What was measured, as a heading. A later run of the same kind takes its place. */
  readonly title: string;
  readonly command: string;
  readonly machine: string;
  /** Heads of the cells. */
  readonly sides: readonly string[];
  readonly rows: readonly Row[];
  /** Sentences below the table. */
  readonly remarks: readonly string[];
}

const page = join(import.meta.dirname, "../../docs/bench.md");
const preface = `# Figures

Written by \`npm run bench\`; each section is the last run of its kind. Compare figures within one section only: machines
differ, and so does one machine from day to day. \`npm run bench -- --help\` lists what can be measured.

ConfigMaps with 512 bytes of data; TLS, HTTP/2 and JSON; clients are a service account with a role of its own, each
with a connection of its own (watchers share one among 50); c is the number of clients, each with one request under way.
CPU is what the server's processes use for one request, list or event: it says more than the rate on a busy machine.
`;

export function textTable({ sides, rows }: Report): string {
  const table = [
    ["", ...sides, "goal", ""],
    ...rows.map((row) => [row.what, ...row.cells, row.goal ?? "", verdict(row)]),
  ];
  const widths = table.reduce<number[]>(
    (most, cells) => cells.map((cell, at) => Math.max(most[at] ?? 0, cell.length)),
    [],
  );
  return table
    .map((cells) =>
      cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[at] ?? 0))).join("  "),
    )
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}

/** Takes the place of the section with the same title. */
export function keep(report: Report, when: Date): void {
  mkdirSync(dirname(page), { recursive: true });
  // What stands above the sections is kept: somebody may have added what these figures are to be read with.
  const [head = preface, ...found] = existsSync(page) ? readFileSync(page, "utf8").split(/^(?=## )/m) : [];
  const heading = `## ${report.title}\n`;
  const at = found.findIndex((section) => section.startsWith(heading));
  const section = `${heading}\n${markdown(report, when)}`;
  if (at === -1) found.push(section);
  else found[at] = section;
  writeFileSync(page, [head, ...found].map((part) => part.trimEnd()).join("\n\n") + "\n");
}

function markdown({ command, machine, sides, rows, remarks }: Report, when: Date): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [
    `\`${command}\` on ${when.toISOString().slice(0, 10)}: ${machine}.`,
    "",
    line(["", ...sides, "goal", "met"]),
    line(["---", ...sides.map(() => "---:"), "---:", "---"]),
    ...rows.map((row) => line([row.what, ...row.cells, row.goal ?? "", verdict(row)])),
    "",
    ...remarks.map((remark) => `- ${remark}`),
  ].join("\n");
}

function verdict({ met }: Row): string {
  return met === undefined ? "" : met ? "yes" : "no";
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}

export function rounded(value: number): string {
  return value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 1 : 0 });
}
