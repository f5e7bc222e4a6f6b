/**
 * Holds pods, containers and claims to the limit ranges of their namespace, and fills in the defaults they give.
 *
 * @see https://kubernetes.io/docs/concepts/policy/limit-range/
 */
import { own } from "#base/own.ts";
import type { Client } from "#client/client.ts";
import type { Draft } from "#machinery/meta.ts";
import { Quantity } from "#machinery/quantity.ts";
import { forbidden } from "#machinery/status.ts";
import type { Container } from "#resources/core/container.ts";
import type { LimitRange, LimitRangeItem } from "#resources/core/limit-range.ts";
import { limitRanges } from "#resources/core/limit-range.ts";
import type { PersistentVolumeClaim } from "#resources/core/persistent-volume-claim.ts";
import type { Pod } from "#resources/core/pod.ts";
import { podAmounts } from "#resources/core/quota-usage.ts";
import type { AdmissionPlugin, AdmissionRequest } from "../access.ts";
import { targetOf } from "./target.ts";

type Texts = Readonly<Record<string, string>>;
type Which = "requests" | "limits";

/** Lists through the client, which sees a range that was created a moment ago. */
export function limitRanger(parts: { readonly client: Client }): AdmissionPlugin {
  return {
    name: "LimitRanger",
    handles: ({ resource, subresource, operation }) => {
      // The amounts of a pod change by resize alone.
      if (resource.id === "pods")
        return (subresource === "" && operation === "create") || (subresource === "resize" && operation === "update");
      const isWrite = operation === "create" || operation === "update";
      return resource.id === "persistentvolumeclaims" && subresource === "" && isWrite;
    },
    mutate: async (request, raw) => {
      // A resize, too: the range may be younger than the pod.
      if (request.resource.id !== "pods") return;
      const { items } = await parts.client.list(limitRanges, { namespace: request.key.namespace });
      // Holds because the resource is pods.
      const pod = raw as unknown as Draft<Pod>;
      for (const item of itemsOf(items)) if (item.type === "Container") fillIn(pod, item);
    },
    validate: async (request) => {
      const { items } = await parts.client.list(limitRanges, { namespace: request.key.namespace });
      const problems = itemsOf(items).flatMap((item) => check(request, item));
      if (problems.length === 1) throw forbidden(targetOf(request), problems[0] ?? "");
      if (problems.length > 1) throw forbidden(targetOf(request), `[${problems.join(", ")}]`);
    },
  };
}

function itemsOf(ranges: readonly LimitRange[]): readonly LimitRangeItem[] {
  return ranges.flatMap((range) => range.spec.limits);
}

function fillIn(pod: Draft<Pod>, item: LimitRangeItem): void {
  const limits = item.default ?? {};
  const requests = item.defaultRequest ?? {};
  for (const [kind, containers] of [
    ["init container", pod.spec.initContainers ?? []],
    ["container", pod.spec.containers],
  ] as const) {
    for (const container of containers) {
      const filled = [
        ...fillAmounts(container, "requests", requests).map((name) => `${name} request`),
        ...fillAmounts(container, "limits", limits).map((name) => `${name} limit`),
      ];
      if (filled.length > 0) note(pod, `${filled.toSorted().join(", ")} for ${kind} ${container.name}`);
    }
  }
}

function fillAmounts(container: Draft<Container>, which: Which, defaults: Texts): string[] {
  const known = container.resources[which] ?? {};
  const missing = Object.entries(defaults).filter(([name]) => !Object.hasOwn(known, name));
  if (missing.length > 0) container.resources[which] = { ...known, ...Object.fromEntries(missing) };
  return missing.map(([name]) => name);
}

function note(pod: Draft<Pod>, text: string): void {
  const key = "kubernetes.io/limit-ranger";
  const annotations = pod.metadata.annotations ?? {};
  const known = annotations[key];
  pod.metadata.annotations = {
    ...annotations,
    [key]: known === undefined ? `LimitRanger plugin set: ${text}` : `${known}; ${text}`,
  };
}

function check(request: AdmissionRequest, item: LimitRangeItem): string[] {
  // Each cast holds because the resource's id says which kind its objects are.
  if (request.resource.id === "persistentvolumeclaims") {
    if (item.type !== "PersistentVolumeClaim") return [];
    const { requests = {}, limits = {} } = (request.object as PersistentVolumeClaim).spec.resources;
    return checkAmounts(item, { requests, limits });
  }
  const pod = request.object as Pod;
  if (item.type === "Container")
    return [...(pod.spec.initContainers ?? []), ...pod.spec.containers].flatMap((container) =>
      checkAmounts(item, { requests: container.resources.requests ?? {}, limits: container.resources.limits ?? {} }),
    );
  if (item.type !== "Pod") return [];
  const texts = (which: Which): Texts =>
    Object.fromEntries([...podAmounts(pod, which)].map(([name, amount]) => [name, amount.toString()]));
  return checkAmounts(item, { requests: texts("requests"), limits: texts("limits") });
}

interface Amounts {
  readonly requests: Texts;
  readonly limits: Texts;
}

function checkAmounts(item: LimitRangeItem, amounts: Amounts): string[] {
  return [
    ...Object.entries(item.min ?? {}).flatMap(([name, bound]) => checkMin(item.type, { name, bound }, amounts)),
    ...Object.entries(item.max ?? {}).flatMap(([name, bound]) => checkMax(item.type, { name, bound }, amounts)),
    ...Object.entries(item.maxLimitRequestRatio ?? {}).flatMap(([name, bound]) =>
      checkRatio(item.type, { name, bound }, amounts),
    ),
  ];
}

interface Bound {
  readonly name: string;
  readonly bound: string;
}

function checkMin(type: string, { name, bound }: Bound, { requests, limits }: Amounts): string[] {
  const least = Quantity.parse(bound);
  const [request, limit] = [own(requests, name), own(limits, name)];
  if (request === undefined) return [`minimum ${name} usage per ${type} is ${bound}.  No request is specified`];
  if (Quantity.parse(request).compare(least) < 0)
    return [`minimum ${name} usage per ${type} is ${bound}, but request is ${request}`];
  if (limit !== undefined && Quantity.parse(limit).compare(least) < 0)
    return [`minimum ${name} usage per ${type} is ${bound}, but limit is ${limit}`];
  return [];
}

function checkMax(type: string, { name, bound }: Bound, { requests, limits }: Amounts): string[] {
  const most = Quantity.parse(bound);
  const [request, limit] = [own(requests, name), own(limits, name)];
  // Claims have no limits: their request is what is bounded.
  if (limit === undefined && type !== "PersistentVolumeClaim")
    return [`maximum ${name} usage per ${type} is ${bound}.  No limit is specified`];
  if (limit !== undefined && Quantity.parse(limit).compare(most) > 0)
    return [`maximum ${name} usage per ${type} is ${bound}, but limit is ${limit}`];
  if (request !== undefined && Quantity.parse(request).compare(most) > 0)
    return [`maximum ${name} usage per ${type} is ${bound}, but request is ${request}`];
  return [];
}

function checkRatio(type: string, { name, bound }: Bound, { requests, limits }: Amounts): string[] {
  const [request, limit] = [own(requests, name), own(limits, name)];
  const describe = `${name} max limit to request ratio per ${type} is ${bound}`;
  if (request === undefined || Quantity.parse(request).isZero)
    return [`${describe}, but no request is specified or request is 0`];
  if (limit === undefined || Quantity.parse(limit).isZero)
    return [`${describe}, but no limit is specified or limit is 0`];
  const ratio = Quantity.parse(limit).approximate() / Quantity.parse(request).approximate();
  return ratio > Quantity.parse(bound).approximate() ? [`${describe}, but provided ratio is ${ratio.toFixed(6)}`] : [];
}
