/** Rules of small kinds of several groups: priority and runtime classes, leases, API services. */
import { own } from "#base/own.ts";
import { at, forbidden, invalid, required, type FieldError } from "#machinery/field-error.ts";
import { dnsLabel } from "#machinery/names.ts";
import { checked, checkImmutable, checkLabels } from "#machinery/object-meta-rules.ts";
import type { CheckContext } from "#machinery/resource.ts";
import { each } from "#machinery/rule.ts";
import type { APIService } from "./apiregistration/api-service.ts";
import type { Lease } from "./coordination/lease.ts";
import { checkAmount, checkContainerResourceName } from "./core/resource-amount-rules.ts";
import { checkToleration } from "./core/scheduling-rules.ts";
import type { RuntimeClass } from "./node/runtime-class.ts";
import type { PriorityClass } from "./scheduling/priority-class.ts";

const userPriorityMax = 1_000_000_000;
const systemPriorities: Readonly<Record<string, number>> = {
  "system-cluster-critical": 2_000_000_000,
  "system-node-critical": 2_000_001_000,
};

export function checkPriorityClass(
  { metadata, value, globalDefault, preemptionPolicy }: PriorityClass,
  { old }: CheckContext<PriorityClass>,
): readonly FieldError[] {
  const { name = "" } = metadata;
  const errors: FieldError[] = [];
  if (name.startsWith("system-")) {
    if (own(systemPriorities, name) !== value || globalDefault === true)
      errors.push(
        forbidden("metadata.name", "priority class names with 'system-' prefix are reserved for system use only"),
      );
  } else if (value > userPriorityMax)
    errors.push(forbidden("value", `maximum allowed value of a user defined priority is ${userPriorityMax}`));
  if (old && old.value !== value) errors.push(forbidden("value", "may not be changed in an update."));
  if (old) errors.push(...checkImmutable("preemptionPolicy", preemptionPolicy, old.preemptionPolicy));
  return errors;
}

export function checkRuntimeClass(
  { handler, overhead, scheduling }: RuntimeClass,
  { old }: CheckContext<RuntimeClass>,
): readonly FieldError[] {
  const fixed = overhead?.podFixed ?? {};
  return [
    ...checked("handler", handler, dnsLabel),
    ...Object.entries(fixed).flatMap(([name, text]) => [
      ...checkContainerResourceName(at("overhead.podFixed.limits", name), name),
      ...checkAmount(at("overhead.podFixed.limits", name), name, text),
    ]),
    ...checkLabels("scheduling.nodeSelector", scheduling?.nodeSelector),
    ...each("scheduling.tolerations", scheduling?.tolerations, checkToleration),
    ...(old ? checkImmutable("handler", handler, old.handler) : []),
  ];
}

export function checkLease({ spec }: Lease): readonly FieldError[] {
  const { leaseDurationSeconds: duration, leaseTransitions: transitions, strategy, preferredHolder } = spec;
  const errors: FieldError[] = [];
  if (duration !== undefined && duration <= 0)
    errors.push(invalid("spec.leaseDurationSeconds", duration, "must be greater than 0"));
  if (transitions !== undefined && transitions < 0)
    errors.push(invalid("spec.leaseTransitions", transitions, "must be greater than or equal to 0"));
  if (preferredHolder && !strategy)
    errors.push(forbidden("spec.preferredHolder", "may only be specified if `strategy` is defined"));
  return errors;
}

export function checkApiService(
  { metadata, spec }: APIService,
  { subresource }: CheckContext<APIService>,
): readonly FieldError[] {
  if (subresource !== "") return [];
  const { group = "", version = "", service, groupPriorityMinimum: least, versionPriority: priority } = spec;
  const wanted = `${version}.${group}`;
  const errors: FieldError[] = [];
  if (metadata.name !== wanted)
    errors.push(
      invalid("metadata.name", metadata.name, `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(wanted)}`),
    );
  if (version === "") errors.push(required("spec.version"));
  if (least <= 0 || least > 20_000)
    errors.push(invalid("spec.groupPriorityMinimum", least, "must be positive and less than 20000"));
  if (priority <= 0 || priority > 1000)
    errors.push(invalid("spec.versionPriority", priority, "must be positive and less than 1000"));
  if (!service) {
    if (spec.caBundle) errors.push(invalid("spec.caBundle", "0 bytes", "local APIServices may not have a caBundle"));
    if (spec.insecureSkipTLSVerify === true)
      errors.push(invalid("spec.insecureSkipTLSVerify", true, "local APIServices may not have insecureSkipTLSVerify"));
    return errors;
  }
  if (!service.namespace) errors.push(required("spec.service.namespace"));
  if (!service.name) errors.push(required("spec.service.name"));
  if (spec.insecureSkipTLSVerify === true && spec.caBundle)
    errors.push(invalid("spec.insecureSkipTLSVerify", true, "may not be true if caBundle is present"));
  return errors;
}
