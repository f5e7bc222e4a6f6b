/**
 * Evicts a pod: a deletion that disruption budgets may refuse.
 *
 * @see https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
 */
import { rfc3339 } from "#base/clock.ts";
import { selectorOf } from "#machinery/label-selector.ts";
import type { DeleteOptions, KubeObject } from "#machinery/meta.ts";
import { untyped, type ResourceDefinition } from "#machinery/resource.ts";
import type { JsonValue } from "#machinery/shape.ts";
import { badRequest, isReason, notFound, StatusError } from "#machinery/status.ts";
import { pods, type Pod } from "#resources/core/pod.ts";
import { evictions, type Eviction } from "#resources/policy/eviction.ts";
import { podDisruptionBudgets, type PodDisruptionBudget } from "#resources/policy/pod-disruption-budget.ts";
import { cacheOf, type Core, type Draft, type WriteCall } from "../call.ts";
import { shown, type Served } from "../registry.ts";
import type { PostSubresource } from "../subresource.ts";
import { remove } from "../verbs/delete.ts";
import { get } from "../verbs/get.ts";
import { write } from "../verbs/write.ts";
import { currentDraft } from "./current-draft.ts";
import { checkDisruption, evictionRefused, isDone, isPastBudgets, mayEvictUnhealthy, pinned } from "./disruption.ts";
import { setCondition } from "./pod-condition.ts";

export const eviction: PostSubresource = { kind: "post", body: untyped(evictions), run: evict };

const success: JsonValue = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 };

async function evict(core: Core, call: WriteCall, object: KubeObject): Promise<JsonValue> {
  // Holds because the body was decoded by the shape of evictions.
  const posted = object as Eviction;
  if (posted.metadata.name !== call.key.name) throw badRequest("name in URL does not match name in Eviction object");
  const options: DeleteOptions = posted.deleteOptions ?? {};
  const dryRun = call.dryRun || (options.dryRun ?? []).length > 0;
  const podCall = { ...call, dryRun, served: servedOf(core, untyped(pods)), subresource: "" };
  // Holds because it is a pod's key.
  const pod = shown(podCall.served, await get(podCall, "")) as Pod;
  if (isPastBudgets(pod)) {
    await removeMarked(core, podCall, isDone(pod) ? options : pinned(options, pod));
    return success;
  }
  const budget = await budgetOf(core, pod);
  const isFree = budget !== undefined && mayEvictUnhealthy(pod, budget);
  if (budget && !isFree) await takeDisruption(core, { call: podCall, pod, budget });
  try {
    await removeMarked(core, podCall, isFree ? pinned(options, pod) : options);
  } catch (error) {
    // The pod may have become ready meanwhile: the client is told to ask again.
    if (isFree && isReason(error, "Conflict") && options.preconditions?.resourceVersion === undefined)
      throw evictionRefused(budget.metadata.name ?? "");
    throw error;
  }
  return success;
}

function servedOf(core: Core, definition: ResourceDefinition): Served {
  const served = core.registry.of(definition);
  if (!served) throw notFound({ group: definition.group, resource: definition.plural, name: "" });
  return served;
}

/** @throws StatusError 500 when several budgets cover the pod, as upstream. */
async function budgetOf(core: Core, pod: Pod): Promise<PodDisruptionBudget | undefined> {
  const cache = await cacheOf(servedOf(core, untyped(podDisruptionBudgets)));
  const matching = cache.inNamespace(pod.metadata.namespace ?? "").flatMap((stored) => {
    // Holds because only budgets are stored there.
    const budget = stored.object as PodDisruptionBudget;
    return selectorOf(budget.spec.selector).matches(pod.metadata.labels) ? [budget] : [];
  });
  if (matching.length > 1)
    throw new StatusError({
      code: 500,
      reason: "",
      message: "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
    });
  return matching[0];
}

interface Disruption {
  readonly call: WriteCall;
  readonly pod: Pod;
  readonly budget: PodDisruptionBudget;
}

/** Takes one of the budget's allowed disruptions. @throws StatusError 429 when there is none. */
async function takeDisruption(core: Core, { call, pod, budget }: Disruption): Promise<void> {
  const key = { namespace: budget.metadata.namespace ?? "", name: budget.metadata.name ?? "" };
  const served = servedOf(core, untyped(podDisruptionBudgets));
  await write(
    core,
    { ...call, served, key, subresource: "status" },
    {
      creates: "never",
      make: (current) => {
        // Holds because it is a budget's key.
        checkDisruption(current as PodDisruptionBudget);
        return disrupted(currentDraft(current), pod.metadata.name ?? "", rfc3339(core.clock.nowMs()));
      },
    },
  );
}

function disrupted(draft: Draft, podName: string, now: string): Draft {
  // Holds because the draft is a copy of a stored budget.
  const { status } = draft as unknown as { status: { disruptionsAllowed: number; disruptedPods?: object } };
  status.disruptionsAllowed -= 1;
  status.disruptedPods = { ...status.disruptedPods, [podName]: now };
  return draft;
}

/** Says on the pod why it goes, then deletes it. */
async function removeMarked(core: Core, call: WriteCall, options: DeleteOptions): Promise<void> {
  if (call.dryRun) {
    await remove(core, call, options);
    return;
  }
  const { uid, resourceVersion } = options.preconditions ?? {};
  const { object } = await write(
    core,
    { ...call, subresource: "status" },
    {
      creates: "never",
      make: (pod) => {
        const draft = currentDraft(pod);
        if (uid !== undefined) draft.metadata["uid"] = uid;
        if (resourceVersion !== undefined) draft.metadata["resourceVersion"] = resourceVersion;
        // Holds because the draft is a copy of a stored pod.
        setCondition(draft["status"] as Record<string, unknown>, {
          type: "DisruptionTarget",
          status: "True",
          reason: "EvictionByEvictionAPI",
          message: "Eviction API: evicting",
          lastTransitionTime: rfc3339(core.clock.nowMs()),
        });
        return draft;
      },
    },
  );
  // The mark itself made a new version.
  const marked = "revision" in object ? String(object.revision) : resourceVersion;
  const preconditions = {
    ...options.preconditions,
    ...(resourceVersion === undefined ? {} : { resourceVersion: marked }),
  };
  await remove(core, call, { ...options, preconditions });
}
