/**
 * Three small plugins that fill in pods: tolerations of failing nodes, priority, and the overhead of a runtime class.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/
 */
import { own } from "#base/own.ts";
import type { Informer } from "#client/informer.ts";
import { required } from "#machinery/field-error.ts";
import type { Draft } from "#machinery/meta.ts";
import { forbidden, invalid } from "#machinery/status.ts";
import type { Toleration } from "#resources/core/pod-spec.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { RuntimeClass } from "#resources/node/runtime-class.ts";
import type { PriorityClass } from "#resources/scheduling/priority-class.ts";
import type { AdmissionPlugin, AdmissionRequest } from "../access.ts";
import { targetOf, writesPod } from "./target.ts";

const tolerationSeconds = 300;
const failures = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];

// Holds where a plugin's handles() lets only pods through.
const asPod = (raw: Record<string, unknown>): Draft<Pod> => raw as unknown as Draft<Pod>;

/** Pods stay on a node that fails for five minutes unless they say otherwise. */
export const defaultTolerationSeconds: AdmissionPlugin = {
  name: "DefaultTolerationSeconds",
  handles: (request) => writesPod(request, ["create", "update"]),
  mutate: async (_, raw) => {
    const { spec } = asPod(raw);
    const tolerations = spec.tolerations ?? [];
    const missing = failures.filter((key) => !tolerations.some((one) => toleratesFailure(one, key)));
    if (missing.length === 0) return;
    const added = missing.map((key) => ({
      key,
      operator: "Exists" as const,
      effect: "NoExecute" as const,
      tolerationSeconds,
    }));
    spec.tolerations = [...tolerations, ...added];
  },
};

function toleratesFailure(toleration: Toleration, key: string): boolean {
  const { key: tolerated = "", effect = "" } = toleration;
  return (tolerated === key || tolerated === "") && (effect === "NoExecute" || effect === "");
}

/** The number behind a pod's priority class. */
export function priority(classes: Informer<PriorityClass>): AdmissionPlugin {
  const byName = (name: string): PriorityClass | undefined => classes.get({ namespace: "", name }) ?? systemClass(name);
  const defaultClass = (): PriorityClass | undefined => {
    const defaults = classes.list().filter((one) => one.globalDefault === true);
    return defaults.toSorted((a, b) => a.value - b.value)[0];
  };
  return {
    name: "Priority",
    handles: (request) => writesPod(request, ["create"]),
    mutate: async (request, raw) => {
      const { spec } = asPod(raw);
      const named = spec.priorityClassName ?? "";
      const found = named === "" ? defaultClass() : byName(named);
      if (named !== "" && !found) throw forbidden(targetOf(request), `no PriorityClass with name ${named} was found`);
      const value = found?.value ?? 0;
      if (spec.priority !== undefined && spec.priority !== value)
        throw forbidden(
          targetOf(request),
          `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
        );
      if (found?.metadata.name !== undefined) spec.priorityClassName = found.metadata.name;
      spec.priority = value;
      const policy = found?.preemptionPolicy ?? "PreemptLowerPriority";
      if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy)
        throw forbidden(
          targetOf(request),
          `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`,
        );
      spec.preemptionPolicy = policy;
    },
  };
}

/** The two classes every cluster has, known before they are stored. */
export const systemPriorities: Readonly<Record<string, number>> = {
  "system-cluster-critical": 2_000_000_000,
  "system-node-critical": 2_000_001_000,
};

function systemClass(name: string): PriorityClass | undefined {
  const value = own(systemPriorities, name);
  if (value === undefined) return undefined;
  return { apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass", metadata: { name }, value };
}

/** A pod's runtime class exists, and its overhead and place are the pod's. */
export function runtimeClass(classes: Informer<RuntimeClass>): AdmissionPlugin {
  const find = (request: AdmissionRequest, pod: Pod): RuntimeClass | undefined => {
    const { runtimeClassName } = pod.spec;
    if (runtimeClassName === undefined) return undefined;
    const found = classes.get({ namespace: "", name: runtimeClassName });
    if (!found)
      throw forbidden(targetOf(request), `pod rejected: RuntimeClass ${JSON.stringify(runtimeClassName)} not found`);
    return found;
  };
  return {
    name: "RuntimeClass",
    handles: (request) => writesPod(request, ["create"]),
    mutate: async (request, raw) => {
      const pod = asPod(raw);
      const found = find(request, pod);
      if (found?.overhead?.podFixed) pod.spec.overhead ??= { ...found.overhead.podFixed };
      const scheduling = found?.scheduling;
      if (!scheduling) return;
      const conflicting = Object.entries(scheduling.nodeSelector ?? {}).find(
        ([key, value]) => own(pod.spec.nodeSelector, key) !== undefined && own(pod.spec.nodeSelector, key) !== value,
      );
      if (conflicting)
        throw forbidden(
          targetOf(request),
          `conflict: runtimeClass.scheduling.nodeSelector[${conflicting[0]}] = ${conflicting[1]}; pod.spec.nodeSelector[${conflicting[0]}] = ${own(pod.spec.nodeSelector, conflicting[0])}`,
        );
      if (scheduling.nodeSelector) pod.spec.nodeSelector = { ...pod.spec.nodeSelector, ...scheduling.nodeSelector };
      if (scheduling.tolerations)
        pod.spec.tolerations = [...(pod.spec.tolerations ?? []), ...scheduling.tolerations.map((one) => ({ ...one }))];
    },
    validate: async (request) => {
      // Holds because handles() lets only pods through.
      const pod = request.object as Pod;
      const overhead = pod.spec.overhead ?? {};
      if (Object.keys(overhead).length > 0 && pod.spec.runtimeClassName === undefined)
        throw invalid({ group: "", resource: "Pod", name: pod.metadata.name ?? "" }, [
          required("spec.runtimeClassName", "must be set when spec.overhead is"),
        ]);
    },
  };
}
