/** Carries out a plan: each action is one call, in order; what is refused ends its sequence. */
import type { Client } from "#client/client.ts";
import type { Recorder } from "#client/recorder.ts";
import { conflict, StatusError } from "#machinery/status.ts";
import type { KubeObject } from "#machinery/meta.ts";
import { OverBudgetError, type Budget } from "./budget.ts";
import type { Action, Refused } from "./controller.ts";
import { isNamespaceTerminating, isQuiet } from "./refusals.ts";

/** A write that happened, for the wait on one's own caches. */
export interface Written {
  readonly resourceId: string;
  readonly resourceVersion: string;
}

export interface Acting {
  readonly client: Client;
  readonly recorder: Recorder;
  readonly budget: Budget;
  /** Filled as writes succeed, also when a later one fails. */
  readonly written: Written[];
}

// Calls of independent actions that are on their way at the same time.
const besideMax = 16;

/**
 * @throws StatusError of what was refused, after its `refused` was carried out.
 * @throws OverBudgetError when the plan was cut.
 */
export async function act(actions: readonly Action[], acting: Acting): Promise<void> {
  for (const action of actions) await actOne(action, acting);
}

async function actOne(action: Action, acting: Acting): Promise<void> {
  switch (action.kind) {
    case "event":
      acting.recorder.record(action.about, action.event);
      return;
    case "sequence":
      await act(action.actions, acting);
      return;
    case "each":
      await actEach(action.actions, acting);
      return;
    case "ramp":
      await refusable(async () => rampUp(action.actions, acting), action.refused, acting);
      return;
    case "unless":
      acting.budget.spend();
      await requireAbsence(action, acting.client);
      return;
    case "create":
    case "update":
    case "patch":
    case "delete":
      acting.budget.spend();
      await call(action, acting);
  }
}

type Call = Extract<Action, { readonly kind: "create" | "update" | "patch" | "delete" }>;

async function call(action: Call, acting: Acting): Promise<void> {
  const { client, written } = acting;
  const saw = (resourceId: string, object: KubeObject): void => {
    const { resourceVersion } = object.metadata;
    if (resourceVersion !== undefined) written.push({ resourceId, resourceVersion });
  };
  const options =
    "subresource" in action && action.subresource !== undefined ? { subresource: action.subresource } : {};
  switch (action.kind) {
    case "create":
      await refusable(async () => create(action, acting), action.refused, acting);
      return;
    case "update":
      saw(action.resource.id, await client.update(action.resource, action.object, options));
      return;
    case "patch":
      saw(
        action.resource.id,
        await client.patch({ resource: action.resource, key: action.key }, action.patch, options),
      );
      return;
    case "delete":
      await refusable(
        async () => saw(action.resource.id, await client.delete(action.resource, action.key, action.request)),
        action.refused,
        acting,
      );
  }
}

/** @throws StatusError 409, of which nobody needs to hear: the caches are behind, and will be looked at again. */
async function requireAbsence(
  { resource, among, finds }: Extract<Action, { kind: "unless" }>,
  client: Client,
): Promise<void> {
  const found = (await client.list(resource, among)).items.find(finds);
  if (!found) return;
  const { name = "" } = found.metadata;
  throw conflict({ group: resource.group, resource: resource.plural, name }, "it is there, and the caches do not know");
}

async function create(action: Extract<Action, { kind: "create" }>, acting: Acting): Promise<void> {
  const object = await acting.client.create(action.resource, action.object);
  acting.written.push({ resourceId: action.resource.id, resourceVersion: object.metadata.resourceVersion ?? "" });
  if (action.created) await act(action.created(object), acting);
}

async function refusable(called: () => Promise<void>, refused: Refused | undefined, acting: Acting): Promise<void> {
  try {
    await called();
  } catch (error) {
    if (error instanceof StatusError && refused) {
      const actions = refused(error);
      // In a namespace on its way out nobody needs to hear of it, and nothing more is made; account is kept all the same:
      // it may be what the namespace waits for.
      const isEnding = isNamespaceTerminating(error);
      await act(isEnding ? actions.filter(({ kind }) => kind !== "event" && kind !== "create") : actions, acting);
    }
    throw error;
  }
}

/** All of them, a few side by side. What was refused is thrown when the others are done. */
async function actEach(actions: readonly Action[], acting: Acting): Promise<void> {
  const failures: unknown[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let action = actions[next++]; action; action = actions[next++]) {
      try {
        await actOne(action, acting);
      } catch (error) {
        failures.push(error);
        if (error instanceof OverBudgetError) return;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(besideMax, actions.length) }, work));
  if (failures.length > 0) throw weightiest(failures);
}

async function rampUp(actions: readonly Action[], acting: Acting): Promise<void> {
  for (let at = 0, size = 1; at < actions.length; at += size, size *= 2) {
    const outcomes = await Promise.allSettled(actions.slice(at, at + size).map((action) => actOne(action, acting)));
    const failures = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as unknown] : []));
    if (failures.length > 0) throw weightiest(failures);
  }
}

/** The one to be told: that the plan was cut, else what somebody should hear of. */
function weightiest(failures: readonly unknown[]): unknown {
  return failures.find((one) => one instanceof OverBudgetError) ?? failures.find((one) => !isQuiet(one)) ?? failures[0];
}
