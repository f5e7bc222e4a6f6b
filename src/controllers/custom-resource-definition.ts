/**
 * Accepts the names of CustomResourceDefinitions that nobody else has, so that their resources are served.
 *
 * @see https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
 */
import { rfc3339 } from "#base/clock.ts";
import { deepEqual } from "#machinery/equal.ts";
import { keyOf } from "#machinery/meta.ts";
import {
  customResourceDefinitions,
  type CustomResourceDefinition,
  type CustomResourceDefinitionCondition,
  type CustomResourceDefinitionNames,
  type CustomResourceDefinitionStatus,
} from "#resources/apiextensions/custom-resource-definition.ts";
import { updateStatus } from "./actions.ts";
import { nothing, type Controller, type Plan } from "./controller.ts";
import { watching } from "./watches.ts";

export interface NamesObservation {
  readonly crd: CustomResourceDefinition;
  /** Of the same group. */
  readonly others: readonly CustomResourceDefinition[];
  readonly nowMs: number;
}

export const customResourceDefinitionController: Controller<NamesObservation> = {
  name: "customresourcedefinition-controller",
  // One at a time, since each looks at the names that others have.
  workers: 1,
  watches: [
    watching(customResourceDefinitions, {
      // Those that wait for a name may have it now.
      keysOf: ({ object }, caches) => [
        keyOf(object),
        ...caches
          .list(customResourceDefinitions, "")
          .filter(({ spec, status }) => !deepEqual(spec.names, status.acceptedNames))
          .map(keyOf),
      ],
    }),
  ],
  observe: (key, caches) => {
    const crd = caches.get(customResourceDefinitions, key);
    if (!crd) return undefined;
    const others = caches
      .list(customResourceDefinitions, "")
      .filter(({ spec, metadata }) => spec.group === crd.spec.group && metadata.name !== key.name);
    return { crd, others, nowMs: caches.nowMs };
  },
  plan: planNames,
};

/** Pure. */
export function planNames(observation: NamesObservation): Plan {
  const { crd } = observation;
  const status = acceptedStatus(observation);
  return deepEqual(status, crd.status)
    ? nothing
    : { actions: [updateStatus(customResourceDefinitions, { ...crd, status })] };
}

type Refusal = Pick<CustomResourceDefinitionCondition, "reason" | "message">;

function acceptedStatus({ crd, others, nowMs }: NamesObservation): CustomResourceDefinitionStatus {
  const { names } = crd.spec;
  const before = crd.status.acceptedNames;
  const taken = others.map(({ status }) => status.acceptedNames);
  const resources = new Set(taken.flatMap((one) => [one.plural, one.singular ?? "", ...(one.shortNames ?? [])]));
  const kinds = new Set(taken.flatMap((one) => [one.kind, one.listKind ?? ""]));
  const refusals: Refusal[] = [];
  const refuse = (reason: string, used: readonly string[]): boolean => {
    if (used.length === 0) return false;
    const message = used.map((name) => `${JSON.stringify(name)} is already in use`);
    refusals.push({ reason, message: message.length === 1 ? message.join() : `[${message.join(", ")}]` });
    return true;
  };
  const free = <V extends string | undefined>(reason: string, pair: readonly [V, V], used: Set<string>): V => {
    const [wanted, had] = pair;
    return wanted !== had &&
      refuse(
        reason,
        [wanted ?? ""].filter((name) => used.has(name)),
      )
      ? had
      : wanted;
  };
  const accepted: CustomResourceDefinitionNames = {
    plural: free("PluralConflict", [names.plural, before.plural], resources),
    singular: free("SingularConflict", [names.singular, before.singular], resources),
    kind: free("KindConflict", [names.kind, before.kind], kinds),
    listKind: free("ListKindConflict", [names.listKind, before.listKind], kinds),
    shortNames: refuse(
      "ShortNamesConflict",
      (names.shortNames ?? []).filter((name) => resources.has(name) && !(before.shortNames ?? []).includes(name)),
    )
      ? before.shortNames
      : names.shortNames,
    categories: names.categories,
  };
  return { ...crd.status, acceptedNames: accepted, conditions: conditionsOf(crd, refusals.at(-1), nowMs) };
}

function conditionsOf(crd: CustomResourceDefinition, refusal: Refusal | undefined, nowMs: number) {
  const known = crd.status.conditions;
  const wasEstablished = known.some(({ type, status }) => type === "Established" && status === "True");
  const accepted: CustomResourceDefinitionCondition = refusal
    ? { type: "NamesAccepted", status: "False", ...refusal }
    : { type: "NamesAccepted", status: "True", reason: "NoConflicts", message: "no conflicts found" };
  const established: CustomResourceDefinitionCondition =
    refusal && !wasEstablished
      ? { type: "Established", status: "False", reason: "NotAccepted", message: "not all names are accepted" }
      : {
          type: "Established",
          status: "True",
          reason: "InitialNamesAccepted",
          message: "the initial names have been accepted",
        };
  const first = set(known, accepted, nowMs);
  return wasEstablished ? first : set(first, established, nowMs);
}

/** The conditions with this one; its time is that of the last change of its status. */
export function set(
  known: readonly CustomResourceDefinitionCondition[],
  condition: CustomResourceDefinitionCondition,
  nowMs: number,
): readonly CustomResourceDefinitionCondition[] {
  const before = known.find(({ type }) => type === condition.type);
  const lastTransitionTime = before?.status === condition.status ? before.lastTransitionTime : rfc3339(nowMs);
  const made = { ...condition, lastTransitionTime };
  return before ? known.map((one) => (one === before ? made : one)) : [...known, made];
}
