/** Conditions that the API server itself sets on pods. */

export interface PodCondition {
  readonly type: string;
  readonly status: string;
  readonly lastTransitionTime: string;
  readonly reason?: string;
  readonly message?: string;
}

/** Sets a condition in a pod's status, the caller's own; its time stays when its status does. */
export function setCondition(status: Record<string, unknown>, condition: PodCondition): void {
  const conditions: PodCondition[] = Array.isArray(status["conditions"]) ? [...status["conditions"]] : [];
  const at = conditions.findIndex(({ type }) => type === condition.type);
  const old = conditions[at];
  const lastTransitionTime = old?.status === condition.status ? old.lastTransitionTime : condition.lastTransitionTime;
  conditions[at < 0 ? conditions.length : at] = { ...condition, lastTransitionTime };
  status["conditions"] = conditions;
}
