/** Rules of what a custom resource definition says about names and versions. Its schemas have rules of their own. */
import { at, child, duplicate, invalid, notSupported, required, type FieldError } from "#machinery/field-error.ts";
import { dns1035Label, dnsSubdomain } from "#machinery/names.ts";
import { checked } from "#machinery/object-meta-rules.ts";
import type { CheckContext } from "#machinery/resource.ts";
import { each } from "#machinery/rule.ts";
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

function checkVersions({ versions }: CustomResourceDefinitionSpec): FieldError[] {
  const path = "spec.versions";
  const seen = new Set<string>();
  const errors: FieldError[] = [];
  if (versions.length === 0)
    errors.push(invalid(path, versions, "must have exactly one version marked as storage version"));
  else if (versions.filter(({ storage }) => storage).length !== 1)
    errors.push(invalid(path, versions, "must have exactly one version marked as storage version"));
  for (const [index, { name, schema }] of versions.entries()) {
    const where = at(path, index);
    errors.push(...checked(child(where, "name"), name, dns1035Label));
    if (seen.has(name)) errors.push(duplicate(child(where, "name"), name));
    seen.add(name);
    const root = schema?.openAPIV3Schema;
    if (!root) errors.push(required(`${where}.schema.openAPIV3Schema`, "schemas are required"));
    else if (root.type !== "object")
      errors.push(
        root.type === undefined
          ? required(`${where}.schema.openAPIV3Schema.type`, "must not be empty at the root")
          : invalid(`${where}.schema.openAPIV3Schema.type`, root.type, "must be object at the root"),
      );
  }
  return errors;
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
  errors.push(...checkNames(spec), ...checkVersions(spec));
  if (!old || !established(old)) return errors;
  if (old.spec.scope !== scope) errors.push(invalid("spec.scope", scope, "field is immutable"));
  if (old.spec.names.kind !== names.kind) errors.push(invalid("spec.names.kind", names.kind, "field is immutable"));
  return errors;
}
