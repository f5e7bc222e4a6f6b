/** Rules of what may change in a pod: nearly nothing, and each by its own subresource. */
import { own } from "#base/own.ts";
import { at, child, forbidden, invalid, type FieldError } from "#machinery/field-error.ts";
import { deepEqual } from "#machinery/equal.ts";
import { between, dnsSubdomain, qualifiedName } from "#machinery/names.ts";
import { checked } from "#machinery/object-meta-rules.ts";
import type { Container } from "./container.ts";
import type { PodSpec, Toleration } from "./pod-spec.ts";
import { qosClassOf } from "./pod-prepare.ts";
import type { Pod } from "./pod.ts";
import type { ContainerStatus } from "./pod-status.ts";

const int32Max = 2 ** 31 - 1;
const changeable = [
  "`spec.containers[*].image`",
  "`spec.initContainers[*].image`",
  "`spec.activeDeadlineSeconds`",
  "`spec.tolerations` (only additions to existing tolerations)",
  "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
].join(",");

function checkDeadline({ activeDeadlineSeconds: now }: PodSpec, { activeDeadlineSeconds: old }: PodSpec): FieldError[] {
  const where = "spec.activeDeadlineSeconds";
  if (now === undefined)
    return old === undefined ? [] : [invalid(where, now, "must not update from a positive integer to nil value")];
  if (now < 0 || now > int32Max) return [invalid(where, now, between(0, int32Max))];
  return old !== undefined && old < now ? [invalid(where, now, "must be less than or equal to previous value")] : [];
}

function checkTolerations({ tolerations = [] }: PodSpec, { tolerations: old = [] }: PodSpec): FieldError[] {
  const textOf = ({ key, operator, value, effect }: Toleration): string =>
    JSON.stringify([key, operator, value, effect]);
  const now = new Set(tolerations.map(textOf));
  if (old.every((before) => now.has(textOf(before)))) return [];
  return [forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds")];
}

function checkGates({ schedulingGates = [] }: PodSpec, { schedulingGates: old = [] }: PodSpec): FieldError[] {
  const before = new Set(old.map(({ name }) => name));
  return schedulingGates.flatMap(({ name }, index) =>
    before.has(name)
      ? []
      : [
          forbidden(
            child(at("spec.schedulingGates", index), "name"),
            `only deletion is allowed, but found new scheduling gate '${name}'`,
          ),
        ],
  );
}

function withImages(containers: readonly Container[] | undefined, old: readonly Container[] | undefined) {
  return containers?.map((container, index) => ({ ...container, image: old?.[index]?.image }));
}

/** The node affinity of a gated pod may become narrower: that is what gates are for. */
function withoutPlacement(spec: PodSpec): PodSpec {
  const { nodeSelector: _, affinity, ...rest } = spec;
  const { nodeAffinity: __, ...others } = affinity ?? {};
  return Object.keys(others).length === 0 ? rest : { ...rest, affinity: others };
}

function checkNarrowed(now: PodSpec, old: PodSpec): FieldError[] {
  const errors: FieldError[] = [];
  const kept = Object.entries(old.nodeSelector ?? {}).every(([key, value]) => own(now.nodeSelector, key) === value);
  if (!kept)
    errors.push(
      invalid("spec.nodeSelector", now.nodeSelector, "only additions are allowed (no mutations or deletions)"),
    );
  const before = old.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  const after = now.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  const where = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";
  if (before === undefined) return errors;
  if (after?.length !== before.length)
    return [...errors, invalid(where, after, "no additions/deletions to non-empty NodeSelectorTerms list are allowed")];
  for (const [index, term] of before.entries()) {
    const { matchExpressions = [], matchFields = [] } = after[index] ?? {};
    const same =
      (term.matchExpressions ?? []).every((one, at) => deepEqual(one, matchExpressions[at])) &&
      (term.matchFields ?? []).every((one, at) => deepEqual(one, matchFields[at]));
    if (!same)
      errors.push(invalid(at(where, index), after[index], "only additions are allowed (no mutations or deletions)"));
  }
  return errors;
}

function checkSpecChange(now: PodSpec, old: PodSpec): FieldError[] {
  for (const name of ["containers", "initContainers"] as const)
    if ((now[name]?.length ?? 0) !== (old[name]?.length ?? 0))
      return [forbidden(child("spec", name), "pod updates may not add or remove containers")];
  const errors = [...checkDeadline(now, old), ...checkTolerations(now, old), ...checkGates(now, old)];
  let munged: PodSpec = {
    ...now,
    containers: withImages(now.containers, old.containers) ?? [],
    initContainers: withImages(now.initContainers, old.initContainers),
    activeDeadlineSeconds: old.activeDeadlineSeconds,
    schedulingGates: old.schedulingGates,
    tolerations: old.tolerations,
  };
  if ((old.terminationGracePeriodSeconds ?? 0) < 0 && now.terminationGracePeriodSeconds === 1)
    munged = { ...munged, terminationGracePeriodSeconds: old.terminationGracePeriodSeconds };
  let before = old;
  if (old.schedulingGates) {
    errors.push(...checkNarrowed(now, old));
    munged = withoutPlacement(munged);
    before = withoutPlacement(old);
  }
  if (!deepEqual(munged, before))
    errors.push(forbidden("spec", `pod updates may not change fields other than ${changeable}\n`));
  return errors;
}

function checkEphemeral(now: PodSpec, old: PodSpec): FieldError[] {
  const where = "spec.ephemeralContainers";
  const byName = firstByName(now.ephemeralContainers);
  return (old.ephemeralContainers ?? []).flatMap((before) => {
    const after = byName.get(before.name);
    const shown = JSON.stringify(before.name);
    if (after === undefined) return [forbidden(where, `existing ephemeral containers ${shown} may not be removed\n`)];
    return deepEqual(after, before)
      ? []
      : [forbidden(where, `existing ephemeral containers ${shown} may not be changed\n`)];
  });
}

const resizable = ["cpu", "memory"];

/** A container as if nothing about cpu and memory was said. */
function withoutSize(container: Container): unknown {
  const drop = (amounts: Readonly<Record<string, string>> | undefined): object =>
    Object.fromEntries(Object.entries(amounts ?? {}).filter(([name]) => !resizable.includes(name)));
  const { limits, requests, ...others } = container.resources;
  return { ...container, resources: { ...others, limits: drop(limits), requests: drop(requests) } };
}

function checkRemoved(path: string, now: Container, old: Container): FieldError[] {
  return (["limits", "requests"] as const).flatMap((name) => {
    const gone = resizable.some(
      (resource) =>
        own(old.resources[name], resource) !== undefined && own(now.resources[name], resource) === undefined,
    );
    return gone ? [forbidden(child(path, name), `resource ${name} cannot be removed`)] : [];
  });
}

function checkResize(pod: Pod, { spec: old }: Pod): FieldError[] {
  const { spec } = pod;
  if (spec.resources?.limits || spec.resources?.requests)
    return [forbidden("", "pods with pod-level resources cannot be resized")];
  const errors: FieldError[] = [];
  if (qosClassOf(old) !== qosClassOf(spec))
    errors.push(invalid("spec", qosClassOf(spec), "Pod QOS Class may not change as a result of resizing"));
  for (const name of ["containers", "initContainers"] as const)
    for (const [index, before] of (old[name] ?? []).entries()) {
      const after = spec[name]?.[index];
      const sidecar = name === "containers" || before.restartPolicy === "Always";
      if (after === undefined || after.name !== before.name)
        return [...errors, forbidden("spec", `${name} may not be added, removed or put in another order`)];
      if (!sidecar && !deepEqual(after, before))
        errors.push(forbidden("spec", "resources for non-sidecar init containers are immutable"));
      if (!sidecar) continue;
      errors.push(...checkRemoved(`spec.${name}[${index}].resources`, after, before));
      if (!deepEqual(withoutSize(after), withoutSize(before)))
        errors.push(forbidden("spec", "only cpu and memory resources are mutable"));
    }
  const { containers: _, initContainers: __, ...now } = spec;
  const { containers: ___, initContainers: ____, ...then } = old;
  if (!deepEqual(now, then)) errors.push(forbidden("spec", "only cpu and memory resources are mutable"));
  return errors;
}

/** The first of each name: what `find` gives, without a walk for each. */
function firstByName<T extends { readonly name: string }>(items: readonly T[] | undefined): ReadonlyMap<string, T> {
  const byName = new Map<string, T>();
  for (const item of items ?? []) if (!byName.has(item.name)) byName.set(item.name, item);
  return byName;
}

/** A container that is to end for good may not run again. */
function checkRestarted(path: string, statuses: Changed<readonly ContainerStatus[] | undefined>, spec: PodSpec) {
  const byName = firstByName(statuses.now);
  const containers = firstByName([...spec.containers, ...(spec.initContainers ?? [])]);
  return (statuses.old ?? []).flatMap((before, index): FieldError[] => {
    const ended = before.state?.terminated;
    const after = byName.get(before.name);
    if (!ended || after === undefined || after.state?.terminated) return [];
    const container = containers.get(before.name);
    const policy = container?.restartPolicy ?? spec.restartPolicy;
    if (policy === "Always" || (policy === "OnFailure" && ended.exitCode !== 0)) return [];
    if (container?.restartPolicyRules) return [];
    return [forbidden(child(at(path, index), "state"), "may not be transitioned to non-terminated state")];
  });
}

interface Changed<T> {
  readonly now: T;
  readonly old: T;
}

function checkStatus({ spec, status }: Pod, old: Pod): FieldError[] {
  const errors: FieldError[] = (status.conditions ?? []).flatMap(({ type }, index) =>
    // Types without a prefix are known ones; what has one must be well formed.
    type.includes("/") ? checked(`status.conditions[${index}].type`, type, qualifiedName) : [],
  );
  if (spec.nodeName !== old.spec.nodeName) errors.push(forbidden("status.nodeName", "may not be changed directly"));
  const { nominatedNodeName } = status;
  if (nominatedNodeName && nominatedNodeName !== old.status.nominatedNodeName)
    errors.push(...checked("status.nominatedNodeName", nominatedNodeName, dnsSubdomain));
  for (const name of ["containerStatuses", "initContainerStatuses"] as const)
    errors.push(...checkRestarted(child("status", name), { now: status[name], old: old.status[name] }, old.spec));
  return errors;
}

/** Marks the pods of the API that show what a node runs from a file. */
export const mirrorMark = "kubernetes.io/config.mirror";

/** A pod is a mirror from the beginning, or never: its node treats the two in different ways. */
function checkMark({ metadata: now }: Pod, { metadata: old }: Pod): FieldError[] {
  const [after, before] = [own(now.annotations, mirrorMark), own(old.annotations, mirrorMark)];
  if (after === before) return [];
  const verb = before === undefined ? "add" : "remove or update";
  return [forbidden(at("metadata.annotations", mirrorMark), `may not ${verb} mirror pod annotation`)];
}

/** What is wrong with a change of a pod by the subresource. */
export function checkPodChange(pod: Pod, old: Pod, subresource: string): FieldError[] {
  if (subresource === "status") return [...checkMark(pod, old), ...checkStatus(pod, old)];
  if (subresource === "ephemeralcontainers") return checkEphemeral(pod.spec, old.spec);
  if (subresource === "resize") return checkResize(pod, old);
  return subresource === "" ? [...checkMark(pod, old), ...checkSpecChange(pod.spec, old.spec)] : [];
}
