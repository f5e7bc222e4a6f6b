/**
 * What a container asked to be told after its start and before its end.
 *
 * @see https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/
 */
import type { Clock } from "#base/clock.ts";
import type { Container, EphemeralContainer } from "#resources/core/container.ts";
import type { LifecycleHandler } from "#resources/core/probe.ts";
import { ask, type AskParts } from "./ask.ts";

export interface HookCall {
  readonly hook: LifecycleHandler;
  readonly container: Container | EphemeralContainer;
  readonly containerId: string;
  readonly podIp: string;
  /** 0: no limit. */
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
}

const httpSecondsMax = 30;

/** @returns Why it failed; undefined when it did not. Rejects only when the signal is aborted. */
export async function runHook(
  parts: AskParts & { readonly clock: Clock },
  call: HookCall,
): Promise<string | undefined> {
  const { hook, container, containerId, podIp, timeoutSeconds, signal } = call;
  if (hook.sleep) {
    const seconds = timeoutSeconds > 0 ? Math.min(hook.sleep.seconds, timeoutSeconds) : hook.sleep.seconds;
    await parts.clock.sleep(seconds * 1000, signal);
    return undefined;
  }
  const limit = hook.exec ? timeoutSeconds : timeoutSeconds > 0 ? timeoutSeconds : httpSecondsMax;
  const answer = await ask(parts, hook, { container, containerId, podIp, timeoutSeconds: limit, signal });
  return answer.result === "success" ? undefined : answer.output;
}
