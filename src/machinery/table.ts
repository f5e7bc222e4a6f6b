/**
 * Objects as rows and columns: what `kubectl get` prints. The server makes the cells, so that every client shows the
 * same.
 *
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables
 */
import type { Ages } from "./ages.ts";
import type { KubeObject, ListMeta, ObjectMeta } from "./meta.ts";
import type { Column, ResourceDefinition } from "./resource.ts";

export interface ColumnDefinition {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  readonly priority: number;
}

export type Cell = string | number | boolean | null;

interface PartialObject {
  readonly kind: "PartialObjectMetadata";
  readonly apiVersion: "meta.k8s.io/v1";
  readonly metadata: ObjectMeta;
}

export interface TableRow {
  readonly cells: readonly Cell[];
  readonly conditions?: readonly RowCondition[];
  readonly object: KubeObject | PartialObject | null;
}

/** Marks a row whose object is done, such as a pod that ended. */
export interface RowCondition {
  readonly type: "Completed";
  readonly status: "True";
  readonly reason: string;
  readonly message: string;
}

export interface Table {
  readonly kind: "Table";
  readonly apiVersion: "meta.k8s.io/v1";
  readonly metadata: ListMeta;
  readonly columnDefinitions: readonly ColumnDefinition[];
  readonly rows: readonly TableRow[];
}

export type IncludeObject = "None" | "Metadata" | "Object";

export interface TableOptions {
  /** At the moment of the answer. */
  readonly ages: Ages;
  /** Default: Metadata. */
  readonly includeObject?: IncludeObject;
  /** Of the list the objects come from. */
  readonly metadata?: ListMeta;
}

/** Columns that most kinds have. */
export const nameColumn: Column<KubeObject> = {
  name: "Name",
  type: "string",
  format: "name",
  value: (object) => object.metadata.name ?? "",
};
export const ageColumn: Column<KubeObject> = {
  name: "Age",
  type: "string",
  value: (object, ages) => ages.since(object.metadata.creationTimestamp),
};
const createdColumn: Column<KubeObject> = {
  name: "Created At",
  type: "date",
  value: (object) => object.metadata.creationTimestamp,
};
const defaultColumns: readonly Column<KubeObject>[] = [nameColumn, createdColumn];

type Value<T, V> = (object: T, ages: Ages) => V;

/** A column of text. Priority 1 is shown with `-o wide` only. */
export function text<T>(name: string, value: Value<T, string | undefined>, priority: 0 | 1 = 0): Column<T> {
  return { name, type: "string", priority, value };
}

export function integer<T>(name: string, value: Value<T, number | undefined>): Column<T> {
  return { name, type: "integer", value };
}

export function boolean<T>(name: string, value: Value<T, boolean | string>): Column<T> {
  return { name, type: "boolean", value };
}

function columnsOf(definition: ResourceDefinition): readonly Column<KubeObject>[] {
  const { columns, storedAs } = definition;
  return columns ?? (storedAs ? columnsOf(storedAs.resource()) : defaultColumns);
}

/** The head of the table of a kind. */
export function columnDefinitions(definition: ResourceDefinition): readonly ColumnDefinition[] {
  return columnsOf(definition).map(({ name, type, format = "", description = "", priority = 0 }) => ({
    name,
    type,
    format,
    description,
    priority,
  }));
}

/** The row of one object. */
export function tableRow(definition: ResourceDefinition, object: KubeObject, options: TableOptions): TableRow {
  const { columns, storedAs, completed } = definition;
  const shown = columns === undefined && storedAs ? storedAs.toStored(object) : object;
  const cells = columnsOf(definition).map(({ value }) => value(shown, options.ages) ?? null);
  const why = completed?.(object);
  const conditions: RowCondition[] = why === undefined ? [] : [{ type: "Completed", status: "True", ...why }];
  return {
    cells,
    ...(conditions.length === 0 ? {} : { conditions }),
    object: included(object, options.includeObject ?? "Metadata"),
  };
}

function included(object: KubeObject, include: IncludeObject): TableRow["object"] {
  if (include === "None") return null;
  if (include === "Object") return object;
  return { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata };
}

/** A table of objects of one kind, in the order given. */
export function toTable(definition: ResourceDefinition, objects: readonly KubeObject[], options: TableOptions): Table {
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata: options.metadata ?? {},
    columnDefinitions: columnDefinitions(definition),
    rows: objects.map((object) => tableRow(definition, object, options)),
  };
}
