/**
 * A kind, declared once. What is absent is standard; what is present is special: status wiped on create, spec kept on
 * a status update, generation counting, name checks and the rest are written once, in the API server.
 */
import type { Draft, KubeObject } from "./meta.ts";
import type { Schema } from "./custom/schema.ts";
import type { Decoded } from "./decode.ts";
import { object, of, string, type Field, type Infer, type JsonValue, type ObjectShape } from "./shape.ts";
import { objectMeta } from "./meta.ts";
import type { FieldError } from "./field-error.ts";
import type { NameRule } from "./names.ts";
import type { Ages } from "./ages.ts";

export type Verb = "create" | "get" | "list" | "watch" | "update" | "patch" | "delete" | "deletecollection";

/** A column of `kubectl get`. `value` gets a decoded object; absent and null print as `<none>` or `<unset>`. */
export interface Column<T> {
  readonly name: string;
  readonly type: "string" | "integer" | "number" | "boolean" | "date";
  readonly format?: string;
  readonly description?: string;
  /** 0 is always shown, 1 with `-o wide`. */
  readonly priority?: 0 | 1;
  readonly value: (object: T, ages: Ages) => string | number | boolean | undefined;
}

/** Where the scale subresource finds its three numbers, as paths of field names. */
export interface ScalePaths {
  readonly specReplicas: readonly string[];
  readonly statusReplicas: readonly string[];
  /** A LabelSelector, a map of labels, or text. */
  readonly selector: readonly string[];
}

/** What a check of a write may look at. */
export interface CheckContext<T> {
  /** The object as stored; absent on create. */
  readonly old: T | undefined;
  /** "" for the object itself, or the subresource that is written. */
  readonly subresource: string;
}

export interface ResourceOptions<T extends KubeObject> {
  /** "" for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  readonly shape: ObjectShape<T>;
  /** Default: the kind in lower case. */
  readonly singular?: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** Default: all. */
  readonly verbs?: readonly Verb[];
  /** Default: whether the shape has both a spec and a status. */
  readonly status?: boolean;
  /** The creator may say the status too, which is otherwise wiped: nodes register themselves. */
  readonly creatorSetsStatus?: boolean;
  readonly scale?: ScalePaths;
  /** Default: those of the kind it is stored as, else Name and Created At. */
  readonly columns?: readonly Column<T>[];
  /** Why an object is done; its row in a table is then marked as completed. */
  readonly completed?: (object: T) => { readonly reason: string; readonly message: string } | undefined;
  /** Default: counted when the shape has a spec. The fields whose change counts, by name. */
  readonly generationFields?: readonly string[];
  /** The rule of metadata.name. Default: a DNS subdomain. */
  readonly nameRule?: NameRule;
  /** Fields besides metadata.name and metadata.namespace that field selectors may name. */
  readonly selectableFields?: Readonly<Record<string, (object: T) => string>>;
  /** The one of them that lists are answered by from an index: it has many values, and somebody asks for each. */
  readonly indexedField?: string;
  /**
   * Reads a request's JSON instead of decoding by the shape, which then says no more than how objects are merged: kinds
   * that a schema declares.
   */
  readonly read?: (json: JsonValue) => Decoded;
  /** The schema of a kind that one declares, to be published. */
  readonly schema?: Schema;
  /** The sentence that users of a version that will go are warned with. */
  readonly deprecation?: string;
  /** Defaults that span fields. Gets a draft it owns and may change; runs after the shape's own defaults. */
  readonly defaults?: (draft: Draft<T>) => void;
  /** What is set or wiped before a create (old absent) or an update is validated, beyond the standard. */
  readonly prepare?: (draft: Draft<T>, context: CheckContext<T>) => void;
  /** Rules that span fields; the rest is in the shape. All causes at once. */
  readonly check?: (object: T, context: CheckContext<T>) => readonly FieldError[];
  /** Brings a stored object into the form of now: its schema may have been another when it was written. */
  readonly renewed?: (stored: KubeObject) => KubeObject;
  /** Reading this resource from another one's storage: same objects, other version or group. */
  readonly storedAs?: StoredAs<T>;
}

/** How objects of this kind map to the kind that is stored. */
export interface StoredAs<T extends KubeObject> {
  readonly resource: () => ResourceDefinition;
  readonly toStored: (object: T) => KubeObject;
  readonly fromStored: (stored: KubeObject) => T;
}

declare const read: unique symbol;

/** What objects of a kind are read as: whole, by its definition, or in part, by a view (view.ts). */
export interface Readable<T> {
  /** Only a type. */
  readonly [read]?: T;
}

/** A resource as the rest of kedge knows it: the options with every default filled in. */
export interface ResourceDefinition<T extends KubeObject = KubeObject>
  extends Omit<ResourceOptions<T>, "defaults" | "prepare">, Readable<T> {
  /** As in the options; the draft is one that decoding by the shape has made. */
  readonly defaults?: (draft: Record<string, unknown>) => void;
  readonly prepare?: (draft: Record<string, unknown>, context: CheckContext<T>) => void;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly Verb[];
  readonly status: boolean;
  /** "apps/v1", or "v1" for the core group. */
  readonly apiVersion: string;
  /** "deployments.apps", or "pods" for the core group: unique among resources of one version. */
  readonly id: string;
}

export const allVerbs: readonly Verb[] = [
  "create",
  "delete",
  "deletecollection",
  "get",
  "list",
  "patch",
  "update",
  "watch",
];

// The method form of `value`, `check` and the like would be bivariant; a definition of any T is needed as one of
// KubeObject in tables of all resources, which is safe because each is only ever given its own objects.
export function resource<T extends KubeObject>(options: ResourceOptions<T>): ResourceDefinition<T> {
  const { declared } = options.shape;
  // Holds because whoever calls `defaults` and `prepare` gives them a draft that was decoded by this shape.
  const { defaults, prepare, ...rest } = options as unknown as Omit<ResourceOptions<T>, "defaults" | "prepare"> &
    Pick<ResourceDefinition<T>, "defaults" | "prepare">;
  return {
    singular: options.kind.toLowerCase(),
    shortNames: [],
    categories: [],
    verbs: allVerbs,
    status: "spec" in declared && "status" in declared,
    ...rest,
    ...(defaults ? { defaults } : {}),
    ...(prepare ? { prepare } : {}),
    apiVersion: options.group === "" ? options.version : `${options.group}/${options.version}`,
    id: options.group === "" ? options.plural : `${options.plural}.${options.group}`,
  };
}

/** A definition without its type parameter, for tables of all kinds. */
export function untyped<T extends KubeObject>(definition: ResourceDefinition<T>): ResourceDefinition {
  // Holds because callers give a definition's functions only objects decoded by that definition's shape.
  return definition as unknown as ResourceDefinition;
}

/** The shape of a kind: apiVersion, kind and metadata, and what is its own. */
export function kind<F extends Readonly<Record<string, Field>>>(
  name: string,
  fields: F,
): ObjectShape<KubeObject & Infer<ReturnType<typeof object<F>>>> {
  const shape = object(name, {
    apiVersion: string(0),
    kind: string(0),
    metadata: of(1, objectMeta).always().unlisted(),
    ...fields,
  });
  // Holds because the API server fills in apiVersion and kind on decoding.
  return shape as unknown as ObjectShape<KubeObject & Infer<ReturnType<typeof object<F>>>>;
}
