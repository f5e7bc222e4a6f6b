/** Rules of admission webhooks. What their CEL conditions say is looked at where they are compiled. */
import { at, child, duplicate, invalid, notSupported, required, type FieldError } from "#machinery/field-error.ts";
import type { LabelSelector } from "#machinery/meta.ts";
import { dns1035Label, dnsSubdomain, portNumber } from "#machinery/names.ts";
import { checked, checkSelector } from "#machinery/object-meta-rules.ts";
import { each } from "#machinery/rule.ts";
import type { MutatingWebhookConfiguration } from "./mutating-webhook-configuration.ts";
import type { RuleWithOperations } from "./rule-with-operations.ts";
import type { ServiceReference } from "./service-reference.ts";
import type { ValidatingWebhookConfiguration } from "./validating-webhook-configuration.ts";
import type { WebhookClientConfig } from "./webhook-client-config.ts";

interface Webhook {
  readonly name: string;
  readonly clientConfig: WebhookClientConfig;
  readonly rules?: readonly RuleWithOperations[] | undefined;
  readonly sideEffects?: string | undefined;
  readonly timeoutSeconds?: number | undefined;
  readonly admissionReviewVersions: readonly string[];
  readonly namespaceSelector?: LabelSelector | undefined;
  readonly objectSelector?: LabelSelector | undefined;
}

const reviewVersions = ["v1", "v1beta1"];
const timeoutSecondsMax = 30;

/** At least three segments: names that no two organizations share. */
function checkHookName(path: string, name: string): FieldError[] {
  if (name === "") return [required(path)];
  const problems = dnsSubdomain(name);
  if (problems.length > 0) return [invalid(path, name, problems.join(","))];
  if (name.split(".").length >= 3) return [];
  return [invalid(path, name, "should be a domain with at least three segments separated by dots")];
}

function checkList(path: string, list: readonly string[] | undefined, what: string): FieldError[] {
  if (!list) return [required(path)];
  if (list.length > 1 && list.includes("*"))
    return [invalid(path, list, `if '*' is present, must not specify other ${what}`)];
  return [];
}

function checkResources(path: string, resources: readonly string[] = []): FieldError[] {
  if (resources.length === 0) return [required(path)];
  const before = new Set<string>();
  const errors = each(path, resources, (where, resource) => {
    if (resource === "") return [required(where)];
    const [name = "", part] = resource.split("/");
    const [allParts, anyName] = [before.has(`${name}/*`), before.has(`*/${part}`)];
    before.add(resource);
    if (part === undefined) return [];
    if (part !== "*" && allParts)
      return [invalid(where, resource, `if '${name}/*' is present, must not specify ${resource}`)];
    if (name !== "*" && anyName)
      return [invalid(where, resource, `if '*/${part}' is present, must not specify ${resource}`)];
    return [];
  });
  if (resources.length > 1 && resources.includes("*/*"))
    errors.push(invalid(path, resources, "if '*/*' is present, must not specify other resources"));
  if (resources.includes("*") && resources.some((name) => name !== "*" && !name.includes("/")))
    errors.push(invalid(path, resources, "if '*' is present, must not specify other resources without subresources"));
  return errors;
}

export function checkHookRule(path: string, rule: RuleWithOperations): FieldError[] {
  return [
    ...checkList(child(path, "operations"), rule.operations, "operations"),
    ...checkList(child(path, "apiGroups"), rule.apiGroups, "API groups"),
    ...checkList(child(path, "apiVersions"), rule.apiVersions, "API versions"),
    ...checkResources(child(path, "resources"), rule.resources),
  ];
}

function checkUrl(path: string, text: string): FieldError[] {
  const form = "; desired format: https://host[/path]";
  if (!URL.canParse(text)) return [required(path, `url must be a valid URL: expected "https://host[/path]"`)];
  const url = new URL(text);
  const errors: FieldError[] = [];
  if (url.protocol !== "https:")
    errors.push(invalid(path, url.protocol.slice(0, -1), `'https' is the only allowed URL scheme${form}`));
  if (url.username !== "" || url.password !== "")
    errors.push(invalid(path, url.username, "user information is not permitted in the URL"));
  if (url.hash !== "") errors.push(invalid(path, url.hash, "fragments are not permitted in the URL"));
  if (url.search !== "") errors.push(invalid(path, url.search, "query parameters are not permitted in the URL"));
  return errors;
}

function checkServiceReference(
  path: string,
  { name, namespace, path: target, port = 443 }: ServiceReference,
): FieldError[] {
  const errors: FieldError[] = [];
  if (name === "") errors.push(required(child(path, "name"), "service name is required"));
  if (namespace === "") errors.push(required(child(path, "namespace"), "service namespace is required"));
  if (portNumber(port).length > 0)
    errors.push(invalid(child(path, "port"), port, `port is not valid: ${portNumber(port).join(",")}`));
  if (target === undefined || target === "" || target === "/") return errors;
  const where = child(path, "path");
  if (!target.startsWith("/")) return [...errors, invalid(where, target, "must start with a '/'")];
  const steps = target.replace(/\/$/, "").slice(1).split("/");
  for (const [index, step] of steps.entries()) {
    if (step === "") return [...errors, invalid(where, target, `segment[${index}] may not be empty`)];
    for (const problem of dnsSubdomain(step)) errors.push(invalid(where, target, `segment[${index}]: ${problem}`));
  }
  return errors;
}

export function checkClientConfig(path: string, { url, service }: WebhookClientConfig): FieldError[] {
  if ((url === undefined) === (service === undefined))
    return [required(path, "exactly one of url or service is required")];
  return [
    ...(url === undefined ? [] : checkUrl(child(path, "url"), url)),
    ...(service ? checkServiceReference(child(path, "service"), service) : []),
  ];
}

function checkVersions(path: string, versions: readonly string[]): FieldError[] {
  if (versions.length === 0) return [required(path, `must specify one of ${reviewVersions.join(", ")}`)];
  const seen = new Set<string>();
  const errors = each(path, versions, (where, version) => {
    if (seen.has(version)) return [invalid(where, version, "duplicate version")];
    seen.add(version);
    return checked(where, version, dns1035Label);
  });
  if (!versions.some((version) => reviewVersions.includes(version)))
    errors.push(invalid(path, versions, `must include at least one of ${reviewVersions.join(", ")}`));
  return errors;
}

function checkHook(path: string, hook: Webhook): FieldError[] {
  const { sideEffects, timeoutSeconds: timeout } = hook;
  const errors = [
    ...checkHookName(child(path, "name"), hook.name),
    ...each(child(path, "rules"), hook.rules, checkHookRule),
    ...checkSelector(child(path, "namespaceSelector"), hook.namespaceSelector),
    ...checkSelector(child(path, "objectSelector"), hook.objectSelector),
    ...checkClientConfig(child(path, "clientConfig"), hook.clientConfig),
    ...checkVersions(child(path, "admissionReviewVersions"), hook.admissionReviewVersions),
  ];
  if (sideEffects === "Unknown" || sideEffects === "Some")
    errors.push(notSupported(child(path, "sideEffects"), sideEffects, ["None", "NoneOnDryRun"]));
  if (timeout !== undefined && (timeout < 1 || timeout > timeoutSecondsMax))
    errors.push(
      invalid(
        child(path, "timeoutSeconds"),
        timeout,
        `the timeout value must be between 1 and ${timeoutSecondsMax} seconds`,
      ),
    );
  return errors;
}

export function checkWebhooks({
  webhooks = [],
}: ValidatingWebhookConfiguration | MutatingWebhookConfiguration): readonly FieldError[] {
  const names = new Set<string>();
  return webhooks.flatMap((hook, index) => {
    const path = at("webhooks", index);
    const errors = checkHook(path, hook);
    if (names.has(hook.name)) errors.push(duplicate(child(path, "name"), hook.name));
    if (hook.name !== "") names.add(hook.name);
    return errors;
  });
}
