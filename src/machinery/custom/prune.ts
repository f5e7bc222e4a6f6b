/**
 * From JSON to an object of a custom resource: what the schema does not know is left out, metadata is brought in form.
 *
 * @see https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#field-pruning
 */
import { decode, problemsMax, setKey, type Decoded, type DraftObject } from "../decode.ts";
import { isList, isObject } from "../json-object.ts";
import { objectMeta } from "../meta.ts";
import { object, of, string, type JsonObject, type JsonValue, type ObjectShape } from "../shape.ts";
import {
  additionalSchema,
  allowsAdditional,
  isEmbedded,
  itemSchema,
  metaNames,
  preserves,
  propertySchema,
  type Schema,
} from "./schema.ts";

const metadataShape = of(1, objectMeta);

/** The part of every object that is not in its schema. `name` is for sentences: "v1.CronTab". */
export function headShape(name: string): ObjectShape {
  return object(name, { apiVersion: string(0), kind: string(0), metadata: of(1, objectMeta).always() });
}

const embeddedShape = object("v1.EmbeddedResource", { metadata: metadataShape });

/**
 * A fresh object. It shares with `json` only what lies below where the schema ends.
 *
 * @param head See headShape.
 * @throws StatusError 400 when the metadata cannot be read.
 */
export function prune(json: JsonValue, schema: Schema | undefined, head: ObjectShape): Decoded {
  if (!isObject(json)) return decode(head, json);
  const { apiVersion, kind, metadata } = json;
  const { object: made, problems } = decode(head, { apiVersion, kind, metadata });
  const pruner = new Pruner([...problems]);
  for (const name of Object.keys(json)) {
    const value = json[name];
    if (value === undefined || metaNames.has(name)) continue;
    pruner.member(made, { name, value, path: "" }, schema);
  }
  return { object: made, problems: pruner.problems };
}

/** A value below the root, as the schema leaves it. */
export function prunedValue(
  value: JsonValue,
  schema: Schema,
): { readonly value: unknown; readonly problems: readonly string[] } {
  const pruner = new Pruner([]);
  return { value: pruner.value(value, schema, ""), problems: pruner.problems };
}

interface Member {
  readonly name: string;
  readonly value: JsonValue;
  /** Of the object it is a member of. */
  readonly path: string;
}

class Pruner {
  readonly problems: string[];

  constructor(problems: string[]) {
    this.problems = problems;
  }

  member(made: DraftObject, { name, value, path }: Member, schema: Schema | undefined): void {
    const at = path === "" ? name : `${path}.${name}`;
    const own = propertySchema(schema, name);
    if (own) setKey(made, name, this.value(value, own, at));
    else if (schema && allowsAdditional(schema)) setKey(made, name, this.value(value, additionalSchema(schema), at));
    else if (preserves(schema)) setKey(made, name, value);
    else if (this.problems.length < problemsMax) this.problems.push(`unknown field "${at}"`);
  }

  value(value: JsonValue, schema: Schema | undefined, path: string): unknown {
    if (isList(value)) {
      if (preserves(schema) && !itemSchema(schema)) return value;
      const item = preserves(schema) ? asPreserving(itemSchema(schema)) : itemSchema(schema);
      return value.map((entry, index) => this.value(entry, item, `${path}[${index}]`));
    }
    return isObject(value) ? this.object(value, schema, path) : value;
  }

  private object(value: JsonObject, schema: Schema | undefined, path: string): DraftObject {
    const made: DraftObject = {};
    const embedded = schema !== undefined && isEmbedded(schema);
    for (const name of Object.keys(value)) {
      const inner = value[name];
      if (inner === undefined) continue;
      if (embedded && metaNames.has(name)) this.embedded(made, { name, value: inner, path });
      else this.member(made, { name, value: inner, path }, schema);
    }
    return made;
  }

  private embedded(made: DraftObject, { name, value, path }: Member): void {
    if (name !== "metadata" || value === null) {
      setKey(made, name, value);
      return;
    }
    const { object: decoded, problems } = decode(embeddedShape, { metadata: value });
    this.problems.push(...problems.map((problem) => problem.replace('"', `"${path}.`)));
    setKey(made, name, decoded["metadata"] ?? {});
  }
}

// Items of a list that preserves what it does not know do so themselves.
const preserving = new WeakMap<Schema, Schema>();

function asPreserving(schema: Schema | undefined): Schema | undefined {
  if (!schema || preserves(schema)) return schema;
  const known = preserving.get(schema);
  if (known) return known;
  const made = { ...schema, "x-kubernetes-preserve-unknown-fields": true };
  preserving.set(schema, made);
  return made;
}
