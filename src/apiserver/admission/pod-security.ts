/**
 * Holds pods to the standard that the labels of their namespace name: enforced for pods, told as warnings and counted
 * for audit for pods and for the templates of their controllers.
 *
 * Differs from upstream: there is no audit log yet, so violations of the audit level are only counted.
 *
 * @see https://kubernetes.io/docs/concepts/security/pod-security-admission/
 */
import type { Clock } from "#base/clock.ts";
import type { Counter, Metrics } from "#base/metrics.ts";
import type { Client } from "#client/client.ts";
import { forbidden, invalid } from "#machinery/status.ts";
import type { Namespace } from "#resources/core/namespace.ts";
import type { PodSpec } from "#resources/core/pod-spec.ts";
import { pods, type Pod } from "#resources/core/pod.ts";
import type { AdmissionPlugin, AdmissionRequest } from "../access.ts";
import { toldInDetail, toldInShort, violationsOf } from "./pod-security/checks.ts";
import {
  isStricter,
  modes,
  policyOf,
  sameStandard,
  shownStandard,
  type Mode,
  type Policy,
  type Standard,
} from "./pod-security/policy.ts";
import type { Subject } from "./pod-security/subject.ts";
import { targetOf } from "./target.ts";

export interface PodSecurityParts {
  /** @throws StatusError 404 when there is no such namespace. */
  readonly namespaceOf: (name: string) => Promise<Namespace | undefined>;
  readonly client: Client;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

// Upstream's values: a change of labels waits no longer than this for the pods that are there.
const existingPodsMax = 3_000;
const existingPodsMsMax = 1_000;
// Others get their turn after as many.
const podsBetweenTurns = 100;

/** Subresources by which a pod's specification does not change. */
const ignoredSubresources = new Set(["exec", "attach", "binding", "eviction", "log", "portforward", "proxy", "status"]);

interface Templated {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> | undefined } | undefined;
  readonly spec?: PodSpec | undefined;
}

type TemplateOf = (object: never) => Templated | undefined;

const ofSpec = ({ spec }: { readonly spec: { readonly template?: Templated } }): Templated | undefined => spec.template;

/** Where the kinds that make pods keep the template. */
const templates = new Map<string, TemplateOf>([
  ["replicationcontrollers", ofSpec],
  ["podtemplates", ({ template }: { readonly template?: Templated }) => template],
  ["replicasets.apps", ofSpec],
  ["deployments.apps", ofSpec],
  ["statefulsets.apps", ofSpec],
  ["daemonsets.apps", ofSpec],
  ["jobs.batch", ofSpec],
  [
    "cronjobs.batch",
    ({ spec }: { readonly spec: { readonly jobTemplate: Parameters<typeof ofSpec>[0] } }) => ofSpec(spec.jobTemplate),
  ],
]);

export function podSecurity(parts: PodSecurityParts): AdmissionPlugin {
  const evaluations = parts.metrics.counter(
    "pod_security_evaluations_total",
    "Number of policy evaluations that occurred, not counting ignored or exempt requests.",
  );
  return {
    name: "PodSecurity",
    handles: ({ operation, resource, subresource }) => {
      if (operation !== "create" && operation !== "update") return false;
      if (resource.id === "pods") return !ignoredSubresources.has(subresource);
      return subresource === "" && (resource.id === "namespaces" || templates.has(resource.id));
    },
    validate: async (request) => {
      if (request.resource.id === "namespaces") return checkNamespace(parts, request);
      const namespace = await parts.namespaceOf(request.key.namespace);
      const { policy } = policyOf(namespace?.metadata.labels);
      const isPod = request.resource.id === "pods";
      const relevant = isPod ? modes : modes.filter((mode) => mode !== "enforce");
      if (relevant.every((mode) => policy[mode].level === "privileged")) return undefined;
      const subject = isPod ? podSubject(request) : templateSubject(request);
      if (subject) evaluate({ request, policy, subject, evaluations, enforces: isPod });
      return undefined;
    },
  };
}

/** Undefined when nothing changed that a standard looks at: of a running pod only its images can. */
function podSubject(request: AdmissionRequest): Subject | undefined {
  // Holds because the resource is pods.
  const pod = request.object as Pod;
  const old = request.old as Pod | undefined;
  if (old && !changesSignificantly(pod.spec, old.spec)) return undefined;
  return { annotations: pod.metadata.annotations ?? {}, spec: pod.spec };
}

type Container = { readonly name: string; readonly image?: string | undefined };

function changesSignificantly(spec: PodSpec, old: PodSpec): boolean {
  const changed = (now: readonly Container[] = [], was: readonly Container[] = []): boolean =>
    now.length !== was.length || now.some(({ image }, at) => image !== was[at]?.image);
  if (changed(spec.containers, old.containers) || changed(spec.initContainers, old.initContainers)) return true;
  const known = new Map((old.ephemeralContainers ?? []).map(({ name, image }) => [name, image]));
  return (spec.ephemeralContainers ?? []).some(({ name, image }) => !known.has(name) || known.get(name) !== image);
}

function templateSubject(request: AdmissionRequest): Subject | undefined {
  // Holds because the table has the function for objects of this resource.
  const template = templates.get(request.resource.id)?.(request.object as never);
  return template?.spec && { annotations: template.metadata?.annotations ?? {}, spec: template.spec };
}

interface Evaluation {
  readonly request: AdmissionRequest;
  readonly policy: Policy;
  readonly subject: Subject;
  readonly evaluations: Counter;
  readonly enforces: boolean;
}

/** @throws StatusError 403 */
function evaluate({ request, policy, subject, evaluations, enforces }: Evaluation): void {
  const told = new Map<string, string>();
  const detailOf = (standard: Standard): string => {
    const key = shownStandard(standard);
    const known = told.get(key) ?? toldInDetail(violationsOf(standard, subject));
    told.set(key, known);
    return known;
  };
  const count = (mode: Mode, isAllowed: boolean): void =>
    evaluations.add(labelsOf(request, { mode, standard: policy[mode], isAllowed }));
  const enforced = enforces ? detailOf(policy.enforce) : "";
  if (enforces) count("enforce", enforced === "");
  if (detailOf(policy.audit) !== "") count("audit", false);
  if (enforced !== "")
    throw forbidden(targetOf(request), `violates PodSecurity "${shownStandard(policy.enforce)}": ${enforced}`);
  const warned = detailOf(policy.warn);
  if (warned === "") return;
  count("warn", false);
  request.warn(`would violate PodSecurity "${shownStandard(policy.warn)}": ${warned}`);
}

interface Verdict {
  readonly mode: Mode;
  readonly standard: Standard;
  readonly isAllowed: boolean;
}

const knownMinor = 36;

function labelsOf(request: AdmissionRequest, { mode, standard, isAllowed }: Verdict): Record<string, string> {
  const { level, version } = standard;
  const isLatest = version === "latest" || level === "privileged";
  return {
    decision: isAllowed ? "allow" : "deny",
    mode,
    policy_level: level,
    policy_version: isLatest ? "latest" : version > knownMinor ? "future" : `v1.${version}`,
    request_operation: request.operation,
    resource: request.resource.id === "pods" ? "pod" : "controller",
    subresource: request.subresource,
  };
}

/** Labels are good, and who makes them stricter hears which pods would not be let in now. @throws StatusError 422 */
async function checkNamespace(parts: PodSecurityParts, request: AdmissionRequest): Promise<void> {
  // Both hold because the resource is namespaces.
  const namespace = request.object as Namespace;
  const old = request.old as Namespace | undefined;
  const { policy, errors } = policyOf(namespace.metadata.labels);
  const before = old && policyOf(old.metadata.labels);
  const name = namespace.metadata.name ?? "";
  const isAsBefore = before !== undefined && JSON.stringify(before.errors) === JSON.stringify(errors);
  if (errors.length > 0 && !isAsBefore) throw invalid({ group: "", resource: "Namespace", name }, errors);
  const { enforce } = policy;
  if (!before || sameStandard(enforce, before.policy.enforce) || enforce.level === "privileged") return;
  if (enforce.version === before.policy.enforce.version && !isStricter(enforce, before.policy.enforce)) return;
  const items = await podsIn(parts, name);
  for (const warning of await existingPodWarnings(parts.clock, { namespace: name, items, enforce }, request.signal))
    request.warn(warning);
}

async function podsIn({ client }: PodSecurityParts, namespace: string): Promise<readonly Pod[]> {
  return (await client.list(pods, { namespace })).items;
}

interface Existing {
  readonly namespace: string;
  readonly items: readonly Pod[];
  readonly enforce: Standard;
}

async function existingPodWarnings(
  clock: Clock,
  { namespace, items, enforce }: Existing,
  signal: AbortSignal,
): Promise<string[]> {
  const checked = prioritized(items).slice(0, existingPodsMax);
  const untilMs = clock.monotonicMs() + existingPodsMsMax;
  const offenders = new Map<string, string[]>();
  let count = 0;
  for (const { metadata, spec } of checked) {
    const told = toldInShort(violationsOf(enforce, { annotations: metadata.annotations ?? {}, spec }));
    const alike = offenders.get(told) ?? [];
    alike.push(metadata.name ?? "");
    if (told !== "") offenders.set(told, alike);
    count += 1;
    if (clock.monotonicMs() > untilMs) break;
    if (count % podsBetweenTurns === 0) await clock.sleep(0, signal);
  }
  const warnings: string[] = [];
  if (count < items.length)
    warnings.push(
      `new PodSecurity enforce level only checked against the first ${count} of ${items.length} existing pods`,
    );
  if (offenders.size > 0)
    warnings.push(
      `existing pods in namespace "${namespace}" violate the new PodSecurity enforce level "${shownStandard(enforce)}"`,
    );
  return [...warnings, ...[...offenders].map(([told, names]) => `${shownPods(names)}: ${told}`).toSorted()];
}

/** One pod of each controller first, since its others are mostly the same. */
function prioritized(items: readonly Pod[]): readonly Pod[] {
  const first: Pod[] = [];
  const others: Pod[] = [];
  const seen = new Set<string>();
  for (const pod of items) {
    const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid;
    if (owner !== undefined && seen.has(owner)) others.push(pod);
    else first.push(pod);
    if (owner !== undefined) seen.add(owner);
  }
  return [...first, ...others];
}

function shownPods(names: readonly string[]): string {
  const [first = ""] = names.toSorted();
  const more = names.length - 1;
  if (more === 0) return first;
  return `${first} (and ${more} other ${more === 1 ? "pod" : "pods"})`;
}
