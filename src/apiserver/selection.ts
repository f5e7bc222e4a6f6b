/** Which objects a list, a watch or a deletecollection is about. */
import { own } from "#base/own.ts";
import { compileFields, exactField, parseFieldSelector, type FieldRequirement } from "#machinery/field-selector.ts";
import { parseLabelSelector, type Selector } from "#machinery/label-selector.ts";
import { badRequest } from "#machinery/status.ts";
import { shown, type Served } from "./registry.ts";
import type { StoredKind, StoredObject } from "./stored-object.ts";
import type { SelectedField } from "./watch-cache/by-field.ts";

export interface SelectionRequest {
  readonly namespace: string;
  readonly labelSelector: string;
  readonly fieldSelector: string;
}

export class Selection {
  readonly namespace: string;
  /** The only name that can match; undefined for any. */
  readonly name: string | undefined;
  readonly labels: Selector;
  /** First key of the objects that can match. */
  readonly from: string;
  /** A field of the kind's own that must have one value; undefined when none must. */
  readonly exact: { readonly name: string; readonly field: SelectedField; readonly value: string } | undefined;
  /** True when an index by that field is worth its place: it has many values, and somebody for each. */
  readonly isIndexed: boolean;
  // Undefined when every object matches.
  private readonly matchesFields: ReturnType<typeof compileFields> | undefined;
  private readonly served: Served;

  /** @throws StatusError 400 when a selector cannot be read or names a field that cannot be selected by. */
  constructor(served: Served, kind: StoredKind, request: SelectionRequest) {
    const fields = parseFieldSelector(request.fieldSelector);
    for (const { field } of fields) checkField(served, field);
    this.served = served;
    this.namespace = request.namespace;
    this.labels = parseLabelSelector(request.labelSelector);
    this.name = exactField(fields, "metadata.name");
    this.from = firstKey(kind, this.namespace, this.name);
    this.exact = exactOf(served, fields);
    this.isIndexed = this.exact !== undefined && this.exact.name === served.definition.indexedField;
    // All of them: a selector may ask for two names, which no object has.
    const others = fields.filter(
      ({ field, operator, value }) => field !== "metadata.name" || operator !== "=" || value !== this.name,
    );
    this.matchesFields = others.length === 0 ? undefined : compileFields(others);
  }

  /** True when every object of the scope is selected. */
  get selectsAll(): boolean {
    return this.labels.matchesEverything && this.matchesFields === undefined;
  }

  /** True when `from` is the key of the one object that can match. */
  get isOne(): boolean {
    return !this.from.endsWith("/");
  }

  /** Whether an object with this key is in the scope. */
  covers(storeKey: string): boolean {
    return this.isOne ? storeKey === this.from : storeKey.startsWith(this.from);
  }

  /** Whether an object of the scope is selected. */
  selects(object: StoredObject): boolean {
    if (this.name !== undefined && !this.isOne && object.key.name !== this.name) return false;
    if (!this.labels.matchesEverything && !this.labels.matches(object.labels)) return false;
    return this.matchesFields?.((field) => fieldOf(this.served, object, field)) ?? true;
  }
}

/** The field that is selected by one value; the indexed one before others. */
function exactOf(served: Served, fields: readonly FieldRequirement[]): Selection["exact"] {
  const { apiVersion, indexedField } = served.definition;
  const exact = fields.filter(({ field, operator }) => operator === "=" && field !== "metadata.namespace");
  const found = exact.find(({ field }) => field === indexedField) ?? exact[0];
  if (!found) return undefined;
  const { field: name, value } = found;
  return { name, value, field: { id: `${apiVersion} ${name}`, of: (object) => fieldOf(served, object, name) } };
}

function firstKey(kind: StoredKind, namespace: string, name: string | undefined): string {
  if (name !== undefined && (namespace !== "" || !kind.definition.namespaced))
    return kind.storeKey({ namespace, name });
  return namespace === "" ? kind.prefix : `${kind.prefix}${namespace}/`;
}

function checkField(served: Served, field: string): void {
  const { selectableFields } = served.definition;
  if (field === "metadata.name" || field === "metadata.namespace") return;
  // The field is a stranger's word: what every object inherits is no field.
  if (own(selectableFields, field)) return;
  throw badRequest(
    selectableFields
      ? `field label not supported: ${field}`
      : `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
  );
}

function fieldOf(served: Served, object: StoredObject, field: string): string {
  if (field === "metadata.name") return object.key.name;
  if (field === "metadata.namespace") return object.key.namespace;
  const { selectableFields, apiVersion } = served.definition;
  const of = own(selectableFields, field);
  return of ? object.selected(`${apiVersion} ${field}`, () => of(shown(served, object))) : "";
}
