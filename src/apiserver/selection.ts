/** Which objects a list, a watch or a deletecollection is about. */
import { exactField, matchesFields, parseFieldSelector, type FieldRequirement } from "#machinery/field-selector.ts";
import { parseLabelSelector, type Selector } from "#machinery/label-selector.ts";
import { badRequest } from "#machinery/status.ts";
import { shown, type Served } from "./registry.ts";
import type { StoredKind, StoredObject } from "./stored-object.ts";

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
  private readonly fields: readonly FieldRequirement[];
  private readonly kind: StoredKind;
  private readonly served: Served;

  /** @throws StatusError 400 when a selector cannot be read or names a field that cannot be selected by. */
  constructor(served: Served, kind: StoredKind, request: SelectionRequest) {
    const fields = parseFieldSelector(request.fieldSelector);
    for (const { field } of fields) checkField(served, field);
    this.served = served;
    this.kind = kind;
    this.namespace = request.namespace;
    this.labels = parseLabelSelector(request.labelSelector);
    this.name = exactField(fields, "metadata.name");
    this.fields = fields.filter(({ field, operator }) => field !== "metadata.name" || operator !== "=");
  }

  /** True when every object of the scope is selected. */
  get selectsAll(): boolean {
    return this.labels.matchesEverything && this.fields.length === 0;
  }

  /** First key of the objects that can match. */
  get from(): string {
    const { prefix } = this.kind;
    if (this.name !== undefined && (this.namespace !== "" || !this.kind.definition.namespaced))
      return this.kind.storeKey({ namespace: this.namespace, name: this.name });
    return this.namespace === "" ? prefix : `${prefix}${this.namespace}/`;
  }

  /** True when `from` is the key of the one object that can match. */
  get isOne(): boolean {
    return !this.from.endsWith("/");
  }

  /** Whether an object of the scope is selected. */
  selects(object: StoredObject): boolean {
    if (this.name !== undefined && !this.isOne && object.key.name !== this.name) return false;
    if (!this.labels.matchesEverything && !this.labels.matches(object.labels)) return false;
    return this.fields.length === 0 || matchesFields(this.fields, (field) => fieldOf(this.served, object, field));
  }
}

function checkField(served: Served, field: string): void {
  const { selectableFields } = served.definition;
  if (field === "metadata.name" || field === "metadata.namespace") return;
  if (selectableFields?.[field]) return;
  throw badRequest(
    selectableFields
      ? `field label not supported: ${field}`
      : `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
  );
}

function fieldOf(served: Served, object: StoredObject, field: string): string {
  if (field === "metadata.name") return object.key.name;
  if (field === "metadata.namespace") return object.key.namespace;
  return served.definition.selectableFields?.[field]?.(shown(served, object)) ?? "";
}
