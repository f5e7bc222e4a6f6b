/** Jobs and CronJobs: that succeed, fail, are suspended, have indexes and are deleted. */
import { cronJobs } from "#resources/batch/cron-job.ts";
import { jobs } from "#resources/batch/job.ts";
import { any, merge, newKeyIn, podTemplate, remove, written, type Deed, type UserContext } from "./context.ts";

function jobSpec({ random }: UserContext, app: string): object {
  const command = random.pick([["true"], ["sleep", "3"], ["sleep", "25"], ["sh", "-c", "exit 3"]]);
  const restartPolicy = random.pick(["Never", "OnFailure"]);
  const { metadata: _, ...template } = { metadata: {}, ...podTemplate({ app, command, spec: { restartPolicy } }) };
  const completions = 1 + random.below(5);
  return {
    template,
    completions,
    parallelism: 1 + random.below(3),
    backoffLimit: random.below(3),
    ...(random.happens(0.4) && { completionMode: "Indexed" }),
    ...(random.happens(0.3) && { ttlSecondsAfterFinished: random.below(60) }),
    ...(random.happens(0.2) && { activeDeadlineSeconds: 30 + random.below(60) }),
    ...(random.happens(0.2) && { podReplacementPolicy: "Failed" }),
  };
}

async function createJob(context: UserContext): Promise<void> {
  const metadata = newKeyIn(context, "job");
  await context.client.create(jobs, written(jobs, metadata, { spec: jobSpec(context, metadata.name) }));
}

async function createCronJob(context: UserContext): Promise<void> {
  const { client, random } = context;
  const metadata = newKeyIn(context, "cron");
  const spec = {
    schedule: "* * * * *",
    concurrencyPolicy: random.pick(["Allow", "Forbid", "Replace"]),
    jobTemplate: { spec: jobSpec(context, metadata.name) },
    successfulJobsHistoryLimit: random.below(3),
    failedJobsHistoryLimit: random.below(2),
  };
  await client.create(cronJobs, written(cronJobs, metadata, { spec }));
}

async function suspend(context: UserContext): Promise<void> {
  const object = any(context, jobs);
  if (object) await merge(context, { resource: jobs, object }, { spec: { suspend: object.spec.suspend !== true } });
}

async function changeParallelism(context: UserContext): Promise<void> {
  const object = any(context, jobs);
  if (object) await merge(context, { resource: jobs, object }, { spec: { parallelism: context.random.below(5) } });
}

async function removeJob(context: UserContext): Promise<void> {
  const object = any(context, jobs);
  if (object) await remove(context, jobs, object);
}

async function removeCronJob(context: UserContext): Promise<void> {
  const object = any(context, cronJobs);
  if (object) await remove(context, cronJobs, object);
}

export const batchDeeds: readonly Deed[] = [
  { name: "create a Job", weight: 5, act: createJob },
  { name: "create a CronJob", weight: 1, act: createCronJob },
  { name: "suspend a Job or let it go on", weight: 1, act: suspend },
  { name: "change the parallelism of a Job", weight: 1, act: changeParallelism },
  { name: "delete a Job", weight: 2, act: removeJob },
  { name: "delete a CronJob", weight: 1, act: removeCronJob },
];
