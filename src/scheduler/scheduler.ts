/**
 * The scheduler: gives every pod without a node one. Informers tell what there is, the queue says whose turn it is,
 * `schedule` decides, and what was decided is written while the next pod is looked at.
 *
 * @see https://kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/
 */
import { messageOf } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";
import type { Component } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import type { Metrics } from "#base/metrics.ts";
import type { Random } from "#base/random.ts";
import type { Client } from "#client/client.ts";
import type { InformerFactory } from "#client/informer.ts";
import type { Recorder } from "#client/recorder.ts";
import { SchedulerRun } from "./run.ts";

export interface SchedulerParts {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly random: Pick<Random, "fraction">;
  readonly log: Log;
  readonly metrics?: Metrics;
}

/** The component that schedules pods whose `schedulerName` is "default-scheduler". */
export function createScheduler(parts: SchedulerParts): Component {
  const log = parts.log.for("scheduler");
  return {
    name: "scheduler",
    run: async (signal) => {
      try {
        await new SchedulerRun({ ...parts, log }, signal).run();
      } catch (error) {
        if (!signal.aborted) throw new Error(`schedule pods: ${messageOf(error)}`, { cause: error });
      }
    },
  };
}
