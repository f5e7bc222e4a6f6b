/**
 * Deletes every object of a CustomResourceDefinition that is being deleted, and lets the definition go when none is left.
 *
 * @see https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#delete-a-customresourcedefinition
 */
import { messageOf } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";
import type { Component } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import { WorkQueue } from "#base/queue.ts";
import type { Client } from "#client/client.ts";
import type { InformerFactory } from "#client/informer.ts";
import type { ResourceSource } from "#client/resource-source.ts";
import { keyOf } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import { isReason } from "#machinery/status.ts";
import {
  customResourceCleanup,
  customResourceDefinitions,
  type CustomResourceDefinition,
} from "#resources/apiextensions/custom-resource-definition.ts";
import { set } from "./custom-resource-definition.ts";

export interface CleanupParts {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly resources: ResourceSource;
  readonly clock: Clock;
  readonly log: Log;
}

const name = "customresource-cleanup-controller";
const workers = 2;
// Objects with finalizers go when their finalizers do.
const againMs = 500;

export function customResourceCleanupController(parts: CleanupParts): Component {
  return { name, run: (signal) => run(parts, signal) };
}

async function run(parts: CleanupParts, signal: AbortSignal): Promise<void> {
  const queue = new WorkQueue(parts.clock);
  const informer = parts.informers.informer(customResourceDefinitions);
  await informer.whenSynced(signal);
  informer.onChange(({ type, object }) => {
    if (type !== "deleted" && isLeaving(object)) queue.add(object.metadata.name ?? "");
  }, signal);
  const work = async (): Promise<void> => {
    while (!signal.aborted) {
      const key = await queue.next(signal);
      try {
        const crd = informer.get({ namespace: "", name: key });
        if (crd && isLeaving(crd) && !(await empty(parts, crd))) queue.addAfter(key, againMs);
      } catch (error) {
        if (signal.aborted) return;
        if (!isReason(error, "NotFound") && !isReason(error, "Conflict"))
          parts.log.for(name).warn("trying again", { definition: key, error: messageOf(error) });
        queue.addAfter(key, againMs);
      } finally {
        queue.done(key);
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: workers }, work));
  } finally {
    queue.close();
  }
}

function isLeaving({ metadata }: CustomResourceDefinition): boolean {
  return metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).includes(customResourceCleanup);
}

/**
 * One round. Saying that the definition is leaving comes first: when that is stored, every object that was created
 * before the API refused more is seen by the list.
 *
 * @returns True when the definition is let go.
 */
async function empty(parts: CleanupParts, crd: CustomResourceDefinition): Promise<boolean> {
  if (!saidProgress(crd)) {
    await sayProgress(parts, crd);
    return false;
  }
  const { client, resources } = parts;
  const resource = resources
    .all()
    .find(
      ({ group, plural, schema }) =>
        schema !== undefined && group === crd.spec.group && plural === crd.status.acceptedNames.plural,
    );
  const left = resource ? await deleteAll(client, resource) : 0;
  if (left > 0) return false;
  const finalizers = (crd.metadata.finalizers ?? []).filter((one) => one !== customResourceCleanup);
  const { resourceVersion } = crd.metadata;
  await client.patch(
    { resource: customResourceDefinitions, key: keyOf(crd) },
    { type: "merge", body: { metadata: { resourceVersion, finalizers } } },
  );
  return true;
}

async function deleteAll(client: Client, resource: ResourceDefinition): Promise<number> {
  const { items } = await client.list(resource, {});
  if (items.length === 0) return 0;
  for (const namespace of new Set(items.map(({ metadata }) => metadata.namespace ?? "")))
    await client.deleteCollection(resource, { namespace });
  return (await client.list(resource, {})).items.length;
}

function saidProgress({ status }: CustomResourceDefinition): boolean {
  return status.conditions.some(({ reason }) => reason === "InstanceDeletionInProgress");
}

async function sayProgress({ client, clock }: CleanupParts, crd: CustomResourceDefinition): Promise<void> {
  const conditions = set(
    crd.status.conditions,
    {
      type: "Terminating",
      status: "True",
      reason: "InstanceDeletionInProgress",
      message: "CustomResource deletion is in progress",
    },
    clock.nowMs(),
  );
  await client.update(
    customResourceDefinitions,
    { ...crd, status: { ...crd.status, conditions } },
    { subresource: "status" },
  );
}
