/** How single answers add up to a probe's result: only a run of equal ones, as long as the threshold, changes it. */
import type { Probe } from "#resources/core/probe.ts";
import type { ProbeKind, ProbeResult } from "../plan/observation.ts";

export interface Tally {
  readonly result: ProbeResult;
  readonly last: "success" | "failure" | undefined;
  readonly run: number;
}

/** Before the first answer: a container counts as alive, and as not yet ready. */
export function initialTally(kind: ProbeKind): Tally {
  const result = { startup: "unknown", liveness: "success", readiness: "failure" } as const;
  return { result: result[kind], last: undefined, run: 0 };
}

export function counted(tally: Tally, answer: "success" | "failure", probe: Probe): Tally {
  const run = tally.last === answer ? tally.run + 1 : 1;
  const threshold = answer === "success" ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3);
  return { result: run >= threshold ? answer : tally.result, last: answer, run };
}
