/** Conditions of a status, as every workload keeps them: one of a type, and a time that moves only with the status. */
import { rfc3339 } from "#base/clock.ts";

export interface WorkloadCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
  readonly lastTransitionTime?: string | undefined;
}

export function conditionOf<C extends WorkloadCondition>(
  conditions: readonly C[] | undefined,
  type: string,
): C | undefined {
  return conditions?.find((one) => one.type === type);
}

export function isTrue(conditions: readonly WorkloadCondition[] | undefined, type: string): boolean {
  return conditionOf(conditions, type)?.status === "True";
}

export function without<C extends WorkloadCondition>(conditions: readonly C[] | undefined, type: string): readonly C[] {
  return (conditions ?? []).filter((one) => one.type !== type);
}

/** With the condition last, and its transition time kept while its status stays. */
export function withCondition<C extends WorkloadCondition>(
  conditions: readonly C[] | undefined,
  condition: C,
  nowMs: number,
): readonly C[] {
  const known = conditionOf(conditions, condition.type);
  const since = known?.status === condition.status ? known.lastTransitionTime : undefined;
  return [...without(conditions, condition.type), { ...condition, lastTransitionTime: since ?? rfc3339(nowMs) }];
}
