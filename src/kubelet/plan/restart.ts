/** When a container that ended is started again: restart policies, rules by exit code, and growing pauses. */
import type { Container } from "#resources/core/container.ts";
import type { Pod } from "#resources/core/pod.ts";

const firstMs = 10_000;
const maxMs = 300_000;
// A container that ran this long begins with the first pause again.
const resetAfterMs = 2 * maxMs;

/** The pause of one container: how long, and when it was last started, on the clock that only goes forward. */
export interface RestartPause {
  readonly delayMs: number;
  readonly startedAtMs: number;
}

/** Whether a container that ended with `exitCode` is to be started again. */
export function wantsRestart(pod: Pod, container: Container, exitCode: number): boolean {
  for (const rule of container.restartPolicyRules ?? []) {
    const within = rule.exitCodes?.values?.includes(exitCode) ?? false;
    if (rule.action === "Restart" && rule.exitCodes && within === (rule.exitCodes.operator === "In")) return true;
  }
  const policy = container.restartPolicy ?? pod.spec.restartPolicy ?? "Always";
  return policy === "Always" || (policy === "OnFailure" && exitCode !== 0);
}

/** Whether an init container that failed is tried again. */
export function retriesInit(pod: Pod, container: Container, exitCode: number): boolean {
  const policy = container.restartPolicy ?? pod.spec.restartPolicy ?? "Always";
  return policy === "Never" ? wantsRestart(pod, container, exitCode) : true;
}

/** When the next start is due after an end at `endedAtMs`; 0 when at once. */
export function dueAtMs(endedAtMs: number, pause: RestartPause | undefined): number {
  if (!pause || endedAtMs - pause.startedAtMs > resetAfterMs) return 0;
  return endedAtMs + pause.delayMs;
}

/** The pause that follows a start at `nowMs`. */
export function pauseAfter(endedAtMs: number, pause: RestartPause | undefined, nowMs: number): RestartPause {
  const fresh = !pause || endedAtMs - pause.startedAtMs > resetAfterMs;
  return { delayMs: fresh ? firstMs : Math.min(pause.delayMs * 2, maxMs), startedAtMs: nowMs };
}

/** "10s", "2m40s": the form of Go's durations. */
export function durationText(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  return `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

export function crashLoopMessage(pod: Pod, container: string, delayMs: number): string {
  const { name, namespace, uid } = pod.metadata;
  return `back-off ${durationText(delayMs)} restarting failed container=${container} pod=${name}_${namespace}(${uid})`;
}
