/** Rules of flow schemas and priority levels. */
import { child, forbidden, invalid, notSupported, required, type FieldError } from "#machinery/field-error.ts";
import { dnsSubdomain } from "#machinery/names.ts";
import { checked } from "#machinery/object-meta-rules.ts";
import type { CheckContext } from "#machinery/resource.ts";
import { each } from "#machinery/rule.ts";
import type { FlowSchema, PolicyRulesWithSubjects, Subject } from "./flow-schema.ts";
import type { LimitedPriorityLevelConfiguration, PriorityLevelConfiguration } from "./priority-level-configuration.ts";

const precedenceMax = 10_000;
const queuesMax = 10_000_000;

function checkSubject(path: string, { kind, user, group, serviceAccount }: Subject): FieldError[] {
  const parts = { ServiceAccount: serviceAccount, User: user, Group: group };
  const names = { ServiceAccount: "serviceAccount", User: "user", Group: "group" };
  if (kind !== "ServiceAccount" && kind !== "User" && kind !== "Group")
    return [notSupported(child(path, "kind"), kind, ["Group", "ServiceAccount", "User"])];
  const errors: FieldError[] = [];
  const own = parts[kind];
  const where = child(path, names[kind]);
  if (!own) errors.push(required(where, `${names[kind]} is required when subject kind is '${kind}'`));
  else if (own.name === "") errors.push(required(child(where, "name")));
  for (const other of ["ServiceAccount", "User", "Group"] as const)
    if (other !== kind && parts[other])
      errors.push(
        forbidden(child(path, names[other]), `${names[other]} is forbidden when subject kind is not '${other}'`),
      );
  return errors;
}

function checkRule(path: string, rule: PolicyRulesWithSubjects): FieldError[] {
  const { subjects, resourceRules = [], nonResourceRules = [] } = rule;
  const errors =
    subjects.length === 0 ? [required(child(path, "subjects"), "subjects must contain at least one value")] : [];
  if (resourceRules.length + nonResourceRules.length === 0)
    errors.push(required(path, "at least one of resourceRules and nonResourceRules has to be non-empty"));
  return [...errors, ...each(child(path, "subjects"), subjects, checkSubject)];
}

export function checkFlowSchema(
  { spec }: FlowSchema,
  { subresource }: CheckContext<FlowSchema>,
): readonly FieldError[] {
  if (subresource !== "") return [];
  const { matchingPrecedence: precedence, priorityLevelConfiguration, distinguisherMethod, rules } = spec;
  const errors: FieldError[] = [];
  if (precedence <= 0) errors.push(invalid("spec.matchingPrecedence", precedence, "must be a positive value"));
  if (precedence > precedenceMax)
    errors.push(invalid("spec.matchingPrecedence", precedence, `must not be greater than ${precedenceMax}`));
  if (distinguisherMethod && !["ByNamespace", "ByUser"].includes(distinguisherMethod.type))
    errors.push(notSupported("spec.distinguisherMethod.type", distinguisherMethod.type, ["ByNamespace", "ByUser"]));
  const { name } = priorityLevelConfiguration;
  if (name === "") errors.push(required("spec.priorityLevelConfiguration.name", "must reference a priority level"));
  else errors.push(...checked("spec.priorityLevelConfiguration.name", name, dnsSubdomain));
  return [...errors, ...each("spec.rules", rules, checkRule)];
}

function checkLimited(path: string, limited: LimitedPriorityLevelConfiguration): FieldError[] {
  const { nominalConcurrencyShares: shares = 0, lendablePercent = 0, borrowingLimitPercent, limitResponse } = limited;
  const errors: FieldError[] = [];
  if (shares < 0)
    errors.push(invalid(child(path, "nominalConcurrencyShares"), shares, "must be a non-negative integer"));
  if (lendablePercent < 0 || lendablePercent > 100)
    errors.push(invalid(child(path, "lendablePercent"), lendablePercent, "must be between 0 and 100, inclusive"));
  if (borrowingLimitPercent !== undefined && borrowingLimitPercent < 0)
    errors.push(
      invalid(
        child(path, "borrowingLimitPercent"),
        borrowingLimitPercent,
        "if specified, must be a non-negative integer",
      ),
    );
  const where = child(path, "limitResponse");
  const { type, queuing } = limitResponse;
  if (type !== "Queue" && type !== "Reject")
    return [...errors, notSupported(child(where, "type"), type, ["Queue", "Reject"])];
  if (type === "Reject")
    return queuing
      ? [...errors, forbidden(child(where, "queuing"), "must be nil if limited.limitResponse.type is not Limited")]
      : errors;
  if (!queuing)
    return [...errors, required(child(where, "queuing"), "must not be empty if limited.limitResponse.type is Limited")];
  const { queues, handSize, queueLengthLimit } = queuing;
  const at = child(where, "queuing");
  if (queueLengthLimit <= 0) errors.push(invalid(child(at, "queueLengthLimit"), queueLengthLimit, "must be positive"));
  if (queues <= 0) errors.push(invalid(child(at, "queues"), queues, "must be positive"));
  if (queues > queuesMax) errors.push(invalid(child(at, "queues"), queues, `must not be greater than ${queuesMax}`));
  if (handSize <= 0) errors.push(invalid(child(at, "handSize"), handSize, "must be positive"));
  if (handSize > queues)
    errors.push(invalid(child(at, "handSize"), handSize, `should not be greater than queues (${queues})`));
  return errors;
}

export function checkPriorityLevel(
  { metadata, spec }: PriorityLevelConfiguration,
  { subresource }: CheckContext<PriorityLevelConfiguration>,
): readonly FieldError[] {
  if (subresource !== "") return [];
  const { type, limited, exempt } = spec;
  if (type !== "Limited" && type !== "Exempt") return [notSupported("spec.type", type, ["Exempt", "Limited"])];
  const errors: FieldError[] = [];
  if ((metadata.name === "exempt") !== (type === "Exempt"))
    errors.push(invalid("spec.type", type, "must be 'Exempt' if and only if `name` is 'exempt'"));
  if (type === "Exempt")
    return limited ? [...errors, forbidden("spec.limited", "must be nil if the type is not Limited")] : errors;
  if (exempt) errors.push(forbidden("spec.exempt", "must be nil if the type is Limited"));
  if (!limited) return [...errors, required("spec.limited", "must not be empty when type is Limited")];
  return [...errors, ...checkLimited("spec.limited", limited)];
}
