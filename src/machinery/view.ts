/**
 * A view of a kind: what somebody reads of it, declared as data next to the reader. What is read into a view holds those
 * fields and who the object is, and nothing else; its type has those fields and no others, and no whole object is made of
 * it by mistake: TypeScript refuses a view wherever an object or a wider view is wanted.
 */
import { own } from "#base/own.ts";
import { deepFreeze } from "./freeze.ts";
import { isList, isObject, setMember, type JsonDraft } from "./json-object.ts";
import type { KubeObject, ObjectMeta } from "./meta.ts";
import type { Readable, ResourceDefinition } from "./resource.ts";
import type { Holds, JsonObject, JsonValue } from "./shape.ts";

/** Fields by name: all of one, or some fields of what it holds. What is declared of a list is of each of its items. */
export interface FieldTree {
  readonly [name: string]: true | FieldTree;
}

/** The fields of a declaration, as they stand in the type of what was read. */
type Marks<F> = F extends true ? never : { readonly [K in keyof F]: Marks<F[K]> };

/** `T` as far as `F` declares it. */
export type Part<T, F> = F extends true
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Part<Item, F>[]
    : T extends object
      ? (string extends keyof T
          ? // A map by names of users.
            { readonly [K in keyof F]?: T[keyof T] | undefined }
          : {
              readonly [K in keyof T as K extends keyof F ? K : never]: K extends keyof F ? Part<T[K], F[K]> : never;
            }) &
          Holds<Marks<F>>
      : T;

type Identity = { readonly name: true; readonly namespace: true; readonly uid: true; readonly resourceVersion: true };
type Head = { readonly apiVersion: true; readonly kind: true };
type MetadataOf<F> = F extends { readonly metadata: infer M } ? M & Identity : Identity;

/** What is held of an object of kind `T` of which `F` is declared. */
export type ViewOf<T extends KubeObject, F> = Part<
  T,
  Omit<F, "metadata"> & Head & { readonly metadata: MetadataOf<F> }
>;

type Item<T> = T extends readonly (infer I)[] ? I : T;

/** Refuses fields that are none of `T`. */
type Known<T, F> = F extends true
  ? true
  : { readonly [K in keyof F]: K extends keyof T ? Known<Item<NonNullable<T[K]>>, F[K]> : never };

/** Everything but what says who wrote which field, which nobody reads. */
type KnownMetadata<F> = F extends { readonly metadata: infer M }
  ? { readonly metadata: Known<Omit<ObjectMeta, "managedFields">, M> }
  : unknown;

export interface KindView<V> extends Readable<V> {
  readonly resource: ResourceDefinition;
  readonly fields: FieldTree;
}

/** What a view holds: `interface PodSeen extends Seen<typeof podView> {}`. */
export type Seen<View> = View extends KindView<infer V> ? V : never;

const identity = { name: true, namespace: true, uid: true, resourceVersion: true } as const;

/** Declares what is read of a kind. */
export function view<T extends KubeObject, const F extends FieldTree>(
  resource: ResourceDefinition<T>,
  fields: F & Known<T, Omit<F, "metadata">> & KnownMetadata<F>,
): KindView<ViewOf<T, F>> {
  const { metadata = {} } = fields as FieldTree;
  if (metadata === true) throw new Error("expected fields of metadata, found all of it");
  const whole = {
    apiVersion: true,
    kind: true,
    ...(fields as FieldTree),
    metadata: { ...identity, ...metadata },
  } as const;
  // Holds because a definition is only ever given its own objects.
  return { resource: resource as unknown as ResourceDefinition, fields: whole };
}

function isView<V>(what: Readable<V>): what is KindView<V> {
  return "fields" in what;
}

export function resourceOf(what: Readable<unknown>): ResourceDefinition {
  // Holds because whatever is readable and no view is a definition, and is only ever given its own objects.
  return isView(what) ? what.resource : (what as ResourceDefinition);
}

/** Undefined for all of them. */
export function fieldsOf(what: Readable<unknown>): FieldTree | undefined {
  return isView(what) ? what.fields : undefined;
}

/** What holds both; undefined for everything. */
export function union(a: FieldTree | undefined, b: FieldTree | undefined): FieldTree | undefined {
  if (!a || !b) return undefined;
  const made: Record<string, true | FieldTree> = { ...a };
  for (const [name, fields] of Object.entries(b)) {
    const known = own(a, name);
    made[name] =
      known === undefined ? fields : known === true || fields === true ? true : (union(known, fields) ?? true);
  }
  return made;
}

/** True when all of `b` is in `a`; undefined stands for everything. */
export function covers(a: FieldTree | undefined, b: FieldTree | undefined): boolean {
  if (!a) return true;
  if (!b) return false;
  return Object.entries(b).every(([name, fields]) => {
    const known = own(a, name);
    return known === true || (known !== undefined && fields !== true && covers(known, fields));
  });
}

/** The declared fields of an object that is at hand. Frozen; what is declared whole is the object's own. */
export function pick(object: KubeObject, fields: FieldTree): KubeObject {
  // Holds because objects are JSON, and because whoever declared the fields reads no others.
  return deepFreeze(picked(object as unknown as JsonObject, fields)) as unknown as KubeObject;
}

function picked(value: JsonValue, fields: FieldTree): JsonValue {
  if (isList(value)) return value.map((item) => picked(item, fields));
  if (!isObject(value)) return value;
  const made: JsonDraft = {};
  for (const name in fields) {
    const inner = own(value, name);
    const declared = fields[name];
    if (inner !== undefined && declared !== undefined)
      setMember(made, name, declared === true ? inner : picked(inner, declared));
  }
  return made;
}
