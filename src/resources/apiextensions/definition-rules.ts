/** Rules of what a custom resource definition says about names and versions. Its schemas have rules of their own. */
import {
  at,
  child,
  duplicate,
  forbidden,
  invalid,
  notSupported,
  required,
  type FieldError,
} from "#machinery/field-error.ts";
import { dns1035Label, dnsSubdomain } from "#machinery/names.ts";
import { checked } from "#machinery/object-meta-rules.ts";
import type { CheckContext } from "#machinery/resource.ts";
import { each } from "#machinery/rule.ts";
import { checkPatterns, checkVersion } from "./version-rules.ts";
import type { CustomResourceDefinition, CustomResourceDefinitionSpec } from "./custom-resource-definition.ts";

function checkNames({ names }: CustomResourceDefinitionSpec): FieldError[] {
  const { plural, singular = "", kind, listKind = "", shortNames = [], categories = [] } = names;
  const label = (name: string, text: string): FieldError[] =>
    dns1035Label(text.toLowerCase()).map((problem) => invalid(child("spec.names", name), text, problem));
  const errors: FieldError[] = [];
  if (plural === "") errors.push(required("spec.names.plural"));
  else errors.push(...checked("spec.names.plural", plural, dns1035Label));
  if (singular !== "") errors.push(...checked("spec.names.singular", singular, dns1035Label));
  if (kind === "") errors.push(required("spec.names.kind"));
  else errors.push(...label("kind", kind));
  if (listKind !== "") errors.push(...label("listKind", listKind));
  if (kind !== "" && kind === listKind)
    errors.push(invalid("spec.names.listKind", listKind, "kind and listKind may not be the same"));
  return [
    ...errors,
    ...each("spec.names.shortNames", shortNames, (path, name) => checked(path, name, dns1035Label)),
    ...each("spec.names.categories", categories, (path, name) => checked(path, name, dns1035Label)),
  ];
}

function checkVersions(
  { versions }: CustomResourceDefinitionSpec,
  old: CustomResourceDefinition | undefined,
): FieldError[] {
  const path = "spec.versions";
  const seen = new Set<string>();
  const errors: FieldError[] = [];
  if (versions.length === 0)
    errors.push(invalid(path, versions, "must have exactly one version marked as storage version"));
  else if (versions.filter(({ storage }) => storage).length !== 1)
    errors.push(invalid(path, versions, "must have exactly one version marked as storage version"));
  const costly = checkPatterns(path, versions, old?.spec.versions ?? []);
  if (costly.length > 0) return [...errors, ...costly];
  const before = new Map(old?.spec.versions.map((one) => [one.name, one]));
  for (const [index, version] of versions.entries()) {
    const { name } = version;
    const where = at(path, index);
    errors.push(...checked(child(where, "name"), name, dns1035Label));
    if (seen.has(name)) errors.push(duplicate(child(where, "name"), name));
    seen.add(name);
    errors.push(...checkVersion(where, version, before.get(name)));
  }
  return errors;
}

function checkConversion({ conversion, versions }: CustomResourceDefinitionSpec): FieldError[] {
  const { strategy = "None", webhook } = conversion ?? {};
  if (strategy === "") return [required("spec.conversion.strategy")];
  if (strategy !== "None" && strategy !== "Webhook")
    return [notSupported("spec.conversion.strategy", strategy, ["None", "Webhook"])];
  if (strategy === "None")
    return webhook === undefined
      ? []
      : [forbidden("spec.conversion.webhook", "should not be set when strategy is not set to Webhook")];
  // Differs from upstream: a webhook is never called, so that objects of several versions could not be converted.
  return versions.length < 2
    ? []
    : [
        forbidden(
          "spec.conversion.strategy",
          'expected "None" or a single version, found "Webhook": this server does not convert by webhook yet',
        ),
      ];
}

/** Every version that objects may be stored in must be there. */
function checkStored({ spec, status }: CustomResourceDefinition): FieldError[] {
  const path = "status.storedVersions";
  const { storedVersions } = status;
  if (storedVersions.length === 0) return [invalid(path, storedVersions, "must have at least one stored version")];
  const names = new Set(spec.versions.map(({ name }) => name));
  return storedVersions.flatMap((name, index) =>
    names.has(name)
      ? []
      : [
          invalid(
            at(path, index),
            name,
            `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`,
          ),
        ],
  );
}

const approval = "api-approved.kubernetes.io";

/** Groups of the Kubernetes project want a link to their approval, or the reason why there is none. */
function checkApproval(
  { metadata, spec }: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
): FieldError[] {
  if (!/(?:^|\.)(?:k8s|kubernetes)\.io$/.test(spec.group)) return [];
  const given = metadata.annotations?.[approval] ?? "";
  if (old && (old.metadata.annotations?.[approval] ?? "") === given) return [];
  if (given.startsWith("unapproved") || (URL.canParse(given) && new URL(given).host !== "")) return [];
  const path = at("metadata.annotations", approval);
  const head = `protected groups must have approval annotation ${JSON.stringify(approval)}`;
  const tail = "see https://github.com/kubernetes/enhancements/pull/1111";
  return given === ""
    ? [required(path, `${head}, ${tail}`)]
    : [invalid(path, given, `${head} with either a URL or a reason starting with "unapproved", ${tail}`)];
}

const established = (definition: CustomResourceDefinition): boolean =>
  definition.status.conditions.some(({ type, status }) => type === "Established" && status === "True");

export function checkDefinition(
  definition: CustomResourceDefinition,
  { old, subresource }: CheckContext<CustomResourceDefinition>,
): readonly FieldError[] {
  if (subresource !== "") return [];
  const { metadata, spec } = definition;
  const { group, names, scope } = spec;
  const errors: FieldError[] = [];
  if (metadata.name !== `${names.plural}.${group}`)
    errors.push(invalid("metadata.name", metadata.name, 'must be spec.names.plural+"."+spec.group'));
  if (group === "") errors.push(required("spec.group"));
  else if (dnsSubdomain(group).length > 0) errors.push(...checked("spec.group", group, dnsSubdomain));
  else if (!group.includes(".")) errors.push(invalid("spec.group", group, "should be a domain with at least one dot"));
  if (scope === "") errors.push(required("spec.scope"));
  else if (scope !== "Cluster" && scope !== "Namespaced")
    errors.push(notSupported("spec.scope", scope, ["Cluster", "Namespaced"]));
  errors.push(...checkNames(spec), ...checkVersions(spec, old), ...checkConversion(spec));
  errors.push(...checkStored(definition), ...checkApproval(definition, old));
  if (spec.preserveUnknownFields === true)
    errors.push(
      invalid(
        "spec.preserveUnknownFields",
        true,
        "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead",
      ),
    );
  if (old && old.spec.group !== group) errors.push(invalid("spec.group", group, "field is immutable"));
  if (old && old.spec.names.plural !== names.plural)
    errors.push(invalid("spec.names.plural", names.plural, "field is immutable"));
  if (!old || !established(old)) return errors;
  if (old.spec.scope !== scope) errors.push(invalid("spec.scope", scope, "field is immutable"));
  if (old.spec.names.kind !== names.kind) errors.push(invalid("spec.names.kind", names.kind, "field is immutable"));
  return errors;
}
