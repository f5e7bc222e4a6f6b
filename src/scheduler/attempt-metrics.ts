/** What `/metrics` tells of scheduling, by upstream's names. */
import type { Metrics } from "#base/metrics.ts";
import type { QueueState } from "./queue.ts";

export type Result = "scheduled" | "unschedulable" | "error";

export interface AttemptMetrics {
  /** @param times In milliseconds: of this attempt, and since the pod was first seen. */
  attempted(result: Result, times: { readonly tookMs: number; readonly waitedMs: number }): void;
}

const buckets = [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1, 2, 4, 8, 16];

export function attemptMetrics(metrics: Metrics, counts: () => Readonly<Record<QueueState, number>>): AttemptMetrics {
  const attempts = metrics.counter(
    "scheduler_schedule_attempts_total",
    "Number of attempts to schedule pods, by result.",
  );
  const durations = metrics.histogram(
    "scheduler_scheduling_attempt_duration_seconds",
    "Scheduling attempt latency in seconds, binding included.",
    buckets,
  );
  const waits = metrics.histogram(
    "scheduler_pod_scheduling_sli_duration_seconds",
    "Time from a pod's first appearance until it is scheduled, in seconds.",
    buckets,
  );
  metrics.gaugesFrom("scheduler_pending_pods", "Number of pending pods, by queue.", () => {
    const { active, backoff, unschedulable, gated } = counts();
    return Object.entries({ active, backoff, unschedulable, gated }).map(([queue, value]) => ({
      labels: { queue },
      value,
    }));
  });
  return {
    attempted: (result, { tookMs, waitedMs }) => {
      const labels = { result, profile: "default-scheduler" };
      attempts.add(labels);
      durations.observe(labels, tookMs / 1000);
      if (result === "scheduled") waits.observe({}, waitedMs / 1000);
    },
  };
}
