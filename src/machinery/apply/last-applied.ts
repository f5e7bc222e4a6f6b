/**
 * The annotation of client-side apply, which kubectl's server-side apply keeps up to date and may take fields by.
 *
 * @see https://kubernetes.io/docs/reference/using-api/server-side-apply/#upgrading-from-client-side-apply-to-server-side-apply
 */
import { isObject, type JsonDraft } from "../json-object.ts";
import { JsonError, readJson } from "../json-reader.ts";
import type { JsonObject, ObjectShape } from "../shape.ts";
import { appliedSet } from "./applied-set.ts";
import { findingProblems } from "./check.ts";
import { comparingObjects } from "./compare.ts";
import { isEmpty, subtracting, type FieldSet } from "./field-set.ts";

const annotation = "kubectl.kubernetes.io/last-applied-configuration";
const kubectl = "kubectl";

interface Write {
  readonly manager: string;
  readonly kind: { readonly apiVersion: string; readonly shape: ObjectShape };
}

/** True when kubectl may take these fields: they are as its client-side apply left them. May rest where it yields. */
export function* allowingByLastApplied(
  write: Write,
  live: JsonObject,
  conflicting: FieldSet,
): Generator<undefined, boolean> {
  if (write.manager !== kubectl) return false;
  const last = readLastApplied(annotationsOf(live)[annotation]);
  const { apiVersion, shape } = write.kind;
  if (!last || last["apiVersion"] !== apiVersion) return false;
  if ((yield* findingProblems(last, shape)).length > 0) return false;
  yield;
  let allowed = appliedSet(last, shape);
  const found = yield* comparingObjects(last, live, shape);
  if (found) for (const set of [found.modified, found.added, found.removed]) allowed = yield* subtracting(allowed, set);
  return isEmpty(yield* subtracting(conflicting, allowed));
}

/** The object with the annotation set to what was applied, when kubectl applied it and it has the annotation. */
export function withLastApplied(write: Write, object: JsonObject, applied: JsonObject): JsonObject {
  const annotations = annotationsOf(object);
  if (write.manager !== kubectl || !annotations[annotation]) return object;
  const metadata = isObject(applied["metadata"]) ? applied["metadata"] : {};
  const { [annotation]: _, ...rest } = annotationsOf(applied);
  const bare: JsonDraft = { ...metadata };
  if (Object.keys(rest).length > 0) bare["annotations"] = rest;
  else delete bare["annotations"];
  const text = `${JSON.stringify({ ...applied, metadata: bare })}\n`;
  const live = isObject(object["metadata"]) ? object["metadata"] : {};
  return { ...object, metadata: { ...live, annotations: { ...annotations, [annotation]: text } } };
}

function annotationsOf(object: JsonObject): JsonObject {
  const { metadata } = object;
  const annotations = isObject(metadata) ? metadata["annotations"] : undefined;
  return isObject(annotations) ? annotations : {};
}

function readLastApplied(text: unknown): JsonObject | undefined {
  if (typeof text !== "string" || text === "") return undefined;
  try {
    const { value } = readJson(text);
    return isObject(value) ? value : undefined;
  } catch (error) {
    // What a client wrote into the annotation is not JSON: then it allows nothing.
    if (error instanceof JsonError) return undefined;
    throw error;
  }
}
