/** What a person is told: a table of what was run, and of a run that failed, where and how to see it again. */
import { keyText } from "#machinery/meta.ts";
import type { Figures, Outcome } from "#testing/simulation.ts";

export interface Totals {
  readonly outcomes: readonly Figures[];
  readonly cpuMs: number;
}

const changesShown = 15;
const linesShown = 25;

export function tableOf(totals: ReadonlyMap<string, Totals>): readonly string[] {
  const rows = [...totals].map(([plan, { outcomes, cpuMs }]) => {
    const sum = (of: (one: Figures) => number): number => outcomes.reduce((before, one) => before + of(one), 0);
    const hours = (sum((one) => one.virtualMs) / 3_600_000).toFixed(1);
    const counts = new Map<string, number>();
    for (const { faults } of outcomes)
      for (const [fault, count] of faults) counts.set(fault, (counts.get(fault) ?? 0) + count);
    const faults = [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([fault, count]) => `${fault} ${count}`);
    const broken = outcomes.filter(({ held }) => !held).length;
    return [
      plan,
      String(outcomes.length),
      `${hours} h`,
      String(sum((one) => one.deeds)),
      String(sum((one) => one.writes)),
      `${(cpuMs / 1000).toFixed(0)} s`,
      broken === 0 ? "held" : "**BROKEN**",
      faults.join(", "),
    ];
  });
  const head = ["plan", "seeds", "virtual time", "deeds", "writes", "CPU", "invariants", "faults"];
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`);
}

export function failureText({ seed, plan, violation, history, lines }: Outcome): string {
  if (!violation) return "";
  const { invariant, found, about, revision, atMs } = violation;
  const concern = history.changes.filter(({ resource, key }) => `${resource} ${keyText(key)}` === about);
  const changes = concern.slice(-changesShown).map(({ revision: at, atMs: when, resource, key, before, after }) => {
    const what = after ? (before ? "written" : "created") : "deleted";
    return `${new Date(when).toISOString()} revision ${at}: ${resource} ${keyText(key)} ${what}`;
  });
  return [
    "",
    `seed ${seed} of plan "${plan}" broke "${invariant}" at revision ${revision}, ${new Date(atMs).toISOString()}:`,
    `${about}: ${found}`,
    "",
    ...changes,
    "",
    ...lines.slice(-linesShown),
    "",
    `again: npm run simulate -- --plan ${plan} --seed ${seed}`,
  ].join("\n");
}
