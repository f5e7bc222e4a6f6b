/** Carries out a plan: each action is one call, in order; what is refused ends it. */
import type { Client } from "#client/client.ts";
import type { Recorder } from "#client/recorder.ts";
import { StatusError } from "#machinery/status.ts";
import type { KubeObject } from "#machinery/meta.ts";
import type { Action, Refused } from "./controller.ts";

/** A write that happened, for the wait on one's own caches. */
export interface Written {
  readonly resourceId: string;
  readonly resourceVersion: string;
}

export interface Acting {
  readonly client: Client;
  readonly recorder: Recorder;
  /** Filled as writes succeed, also when a later one fails. */
  readonly written: Written[];
}

/** @throws StatusError of the first action that was refused, after its `refused` was carried out. */
export async function act(actions: readonly Action[], acting: Acting): Promise<void> {
  for (const action of actions) await actOne(action, acting);
}

async function actOne(action: Action, acting: Acting): Promise<void> {
  const { client, recorder, written } = acting;
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
      return;
    case "event":
      recorder.record(action.about, action.event);
      return;
    case "together":
      await slowStart(action.actions, acting);
  }
}

async function create(action: Extract<Action, { kind: "create" }>, acting: Acting): Promise<void> {
  const object = await acting.client.create(action.resource, action.object);
  acting.written.push({ resourceId: action.resource.id, resourceVersion: object.metadata.resourceVersion ?? "" });
  if (action.created) await act(action.created(object), acting);
}

async function refusable(call: () => Promise<void>, refused: Refused | undefined, acting: Acting): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (error instanceof StatusError && refused) await act(refused(error), acting);
    throw error;
  }
}

async function slowStart(actions: readonly Action[], acting: Acting): Promise<void> {
  for (let at = 0, size = 1; at < actions.length; at += size, size *= 2) {
    const outcomes = await Promise.allSettled(actions.slice(at, at + size).map((action) => actOne(action, acting)));
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    if (failed) throw failed.reason;
  }
}
