/** From the JSON of a request to a draft of the kind that is asked for. */
import { asksReset } from "#machinery/apply.ts";
import { decode, type Decoded } from "#machinery/decode.ts";
import { applyDefaults } from "#machinery/shape-defaults.ts";
import { isObject } from "#machinery/json-object.ts";
import type { Literals } from "#machinery/json-reader.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import type { JsonValue } from "#machinery/shape.ts";
import { badRequest } from "#machinery/status.ts";
import type { Draft, WriteCall } from "../call.ts";

type Validating = Pick<WriteCall, "fieldValidation" | "warn">;

export interface DecodeInput {
  readonly definition: ResourceDefinition;
  readonly json: JsonValue;
  /** Problems found before, e.g. duplicate keys. */
  readonly problems?: readonly string[];
  readonly literals?: Literals | undefined;
}

/**
 * A draft with defaults filled in. The caller owns it.
 *
 * @throws StatusError 400 when it is of another kind, a value has the wrong type, or strict validation finds something.
 */
export function decodeDraft({ definition, json, problems = [], literals }: DecodeInput, validating: Validating): Draft {
  checkKind(definition, json);
  const decoded = readBy(definition, json, literals);
  const all = [...decoded.problems, ...problems];
  if (all.length > 0) report(definition, all, validating);
  return draftOf(definition, json, decoded);
}

/** What was decoded, as a draft of the kind: with its name, whether or not the JSON said it, and its defaults. */
export function draftOf(definition: ResourceDefinition, json: JsonValue, { object }: Decoded): Draft {
  const draft = asDraft(object);
  draft["apiVersion"] = definition.apiVersion;
  draft["kind"] = definition.kind;
  // Decoding drops what is empty, but an empty list here asks to forget who manages what.
  if (isObject(json) && asksReset(json)) draft.metadata["managedFields"] = [];
  fillDefaults(definition, draft);
  return draft;
}

/** An object of the kind, and what of the JSON is not in it. @throws StatusError 400 */
export function readBy({ read, shape }: ResourceDefinition, json: JsonValue, literals?: Literals): Decoded {
  return read ? read(json) : decode(shape, json, literals);
}

function fillDefaults(definition: ResourceDefinition, draft: Draft): void {
  if (!definition.read) applyDefaults(definition.shape, draft);
  definition.defaults?.(draft);
}

export function asDraft(object: Record<string, unknown>): Draft {
  // Holds because metadata is always there after decoding.
  return object as Draft;
}

function textIn(value: JsonValue): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function checkKind(definition: ResourceDefinition, json: JsonValue): void {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return;
  // Holds because arrays and null are excluded above.
  const { apiVersion, kind } = json as { readonly apiVersion?: JsonValue; readonly kind?: JsonValue };
  const { apiVersion: expected, kind: expectedKind, version } = definition;
  if (apiVersion !== undefined && apiVersion !== "" && apiVersion !== expected)
    throw badRequest(
      `the API version in the data (${textIn(apiVersion)}) does not match the expected API version (${expected})`,
    );
  if (kind !== undefined && kind !== "" && kind !== expectedKind)
    throw badRequest(
      `${textIn(kind)} in version ${JSON.stringify(version)} cannot be handled as a ${expectedKind}: expected kind ${JSON.stringify(expectedKind)}, found ${JSON.stringify(kind)}`,
    );
}

// Warnings about one request: more help nobody.
const warningsMax = 100;

function report(definition: ResourceDefinition, problems: readonly string[], validating: Validating): void {
  switch (validating.fieldValidation) {
    case "Ignore":
      return;
    case "Warn":
      for (const problem of problems.slice(0, warningsMax)) validating.warn(problem);
      return;
    case "Strict": {
      const { kind, version } = definition;
      const head = `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${kind}`;
      throw badRequest(`${head}: strict decoding error: ${problems.join(", ")}`);
    }
  }
}
