/** Reads what a request brings: its body in any encoding, and the options in its query. */
import { messageOf } from "#base/assert.ts";
import type { ByteBudget } from "#base/byte-budget.ts";
import { textOf } from "#base/bytes.ts";
import type { Turns } from "#base/turns.ts";
import { invalid as invalidField, notSupported, tooLong, type FieldError } from "#machinery/field-error.ts";
import {
  JsonError,
  checkCounts,
  readForeignJson,
  readingForeignJson,
  readWrittenJson,
  type JsonRead,
  type Literals,
} from "#machinery/json-reader.ts";
import { decodeEnvelope, decodeMessage } from "#machinery/protobuf.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import type { JsonObject, JsonValue, ObjectShape } from "#machinery/shape.ts";
import { badRequest, invalid, StatusError, tooLarge, tooManyRequests } from "#machinery/status.ts";
import { TooManyValuesError, valuesMax } from "#machinery/value-count.ts";
import { BodyTooLargeError, httpLimits, type Exchange } from "#wire/http.ts";
import { isLarge, type FieldValidation } from "./call.ts";
import type { Encoding } from "./negotiate.ts";
import type { RequestInfo } from "./request-info.ts";
import type { Owner, Seats } from "./seats.ts";

/** Bodies that are read, wait for a seat or are worked on, as they came: of one owner, and of all. */
export const bodyLimits = { ofOneBytesMax: 64 * 1024 * 1024, totalBytesMax: 256 * 1024 * 1024 } as const;

/**
 * Differs from upstream: YAML that is no JSON is bounded in its bytes, and in its lines and items. Reading it takes tens
 * of times as long as JSON, and cannot be done piece by piece; no program sends long ones.
 */
const yamlMax = { bytes: 1024 * 1024, marks: 8_192, escapesOfMark: 32 } as const;

/** The bytes of a body. Disposing of it gives back the room they take. */
export interface Body extends Disposable {
  readonly bytes: Uint8Array;
}

export const noBody: Body = { bytes: new Uint8Array(), [Symbol.dispose]: () => undefined };

/** The parts of a server that a body is read with. */
export interface BodyRoom {
  readonly seats: Seats;
  readonly bodies: ByteBudget;
}

/** @throws StatusError 413, 429 when too many are being read, the signal's reason. */
export async function readBody(
  { seats, bodies }: BodyRoom,
  exchange: Exchange,
  { owner, signal }: { readonly owner: Owner; readonly signal: AbortSignal },
): Promise<Body> {
  const { name } = owner;
  let sizeBytes = 0;
  const release = (): void => {
    bodies.release(name, sizeBytes);
    sizeBytes = 0;
  };
  using _ = await seats.take("body", owner, () => signal);
  try {
    const bytes = await exchange.body(httpLimits.bodyBytes, signal, (chunkBytes) => {
      bodies.hold(name, chunkBytes);
      sizeBytes += chunkBytes;
      if (bodies.isOverdrawn(name)) throw tooManyRequests("Too many requests, please try again later.");
    });
    return { bytes, [Symbol.dispose]: release };
  } catch (error) {
    release();
    if (error instanceof BodyTooLargeError) throw tooLarge(`Request entity too large: limit is ${error.sizeBytesMax}`);
    throw error;
  }
}

export interface ReadBody {
  readonly json: JsonValue;
  /** What strict validation refuses: duplicate keys. */
  readonly problems: readonly string[];
  /** How numbers were written, where that says more than their values. */
  readonly literals?: Literals | undefined;
}

export interface Expected {
  readonly kind: string;
  readonly shape: ObjectShape;
}

/** What came as the body of a request. */
export interface Encoded {
  readonly bytes: Uint8Array;
  readonly encoding: Encoding;
}

/** A body as JSON; a large one is read in turns. @throws StatusError 400 */
export async function readJson({ bytes, encoding }: Encoded, expected: Expected, turns: Turns): Promise<ReadBody> {
  switch (encoding) {
    case "protobuf": {
      if (isLarge(bytes.length)) await turns.next();
      return { json: protobufIn(bytes, expected), problems: [] };
    }
    case "json": {
      const { value, duplicates, literals } = await parseJsonBody(bytes, expected, turns);
      return { json: value, problems: duplicates, literals };
    }
    case "yaml": {
      const { json, problems } = await parseYamlBody(bytes, turns);
      const sentence = problems.length === 0 ? [] : [`yaml: unmarshal errors:\n  ${problems.join("\n  ")}`];
      return { json, problems: sentence };
    }
  }
}

function protobufIn(bytes: Uint8Array, { shape }: Expected): JsonObject {
  const { apiVersion, kind, raw } = decodeEnvelope(bytes);
  try {
    // Holds because a decoded message has JSON's values only.
    const json = { ...decodeMessage(shape, raw), apiVersion, kind } as JsonObject;
    checkValues(json, bytes.length);
    return json;
  } catch (error) {
    if (error instanceof TooManyValuesError) throw tooManyValues(error);
    throw error;
  }
}

/** Not asynchronous where there is nothing to wait for: most bodies are small. @throws JsonError, TooManyValuesError */
function parseJson(text: string, turns: Turns): JsonRead | Promise<JsonRead> {
  return isLarge(text.length) ? turns.through(readingForeignJson(text)) : readForeignJson(text);
}

async function parseJsonBody(bytes: Uint8Array, expected: Pick<Expected, "kind">, turns: Turns): Promise<JsonRead> {
  try {
    return await parseJson(textOf(bytes), turns);
  } catch (error) {
    if (error instanceof TooManyValuesError) throw tooManyValues(error);
    throw badRequest(
      `the object provided is unrecognized (must be of type ${expected.kind}): couldn't get version/kind; json parse error: ${messageOf(error)}`,
    );
  }
}

/** YAML, of which JSON is a part, and the keys in it that stand twice. @throws StatusError 400 */
export async function parseYamlBody(bytes: Uint8Array, turns: Turns): Promise<ReadBody> {
  const text = textOf(bytes);
  const asJson = await jsonIn(text, turns);
  // Programs send JSON, which is read far faster; only its complaints would be in other words.
  if (asJson?.duplicates.length === 0) return { json: asJson.value, problems: [] };
  checkYaml(text);
  try {
    const { parseYamlStrictly } = await import("#wire/yaml.ts");
    const { value, duplicates } = parseYamlStrictly(text);
    // Holds because YAML is kept to JSON's values.
    checkValues((value ?? null) as JsonValue);
    const problems = duplicates.map(({ key, line }) => `line ${line}: key ${JSON.stringify(key)} already set in map`);
    // Of the text only JSON's values are kept.
    return { json: readWrittenJson(JSON.stringify(value ?? null)), problems };
  } catch (error) {
    if (error instanceof StatusError) throw error;
    throw badRequest(`error decoding YAML: ${messageOf(error)}`);
  }
}

/** @throws StatusError 413 */
function checkYaml(text: string): void {
  let marks = 0;
  for (let at = 0; at < text.length && marks <= yamlMax.marks; at += 1) {
    const sign = text.charCodeAt(at);
    if (sign === lineFeed || sign === carriageReturn || sign === comma) marks += 1;
    else if (sign === backslash) marks += 1 / yamlMax.escapesOfMark;
  }
  if (marks <= yamlMax.marks && text.length <= yamlMax.bytes) return;
  const most = `${yamlMax.marks} lines and items and ${yamlMax.bytes} bytes`;
  throw tooLarge(`Request entity too large: expected YAML of at most ${most}, found more: send it as JSON`);
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const comma = 0x2c;
const backslash = 0x5c;

/** Undefined for YAML that is no JSON. */
async function jsonIn(text: string, turns: Turns): Promise<JsonRead | undefined> {
  if (!text.trimStart().startsWith("{")) return undefined;
  try {
    return await parseJson(text, turns);
  } catch (error) {
    if (error instanceof TooManyValuesError) throw tooManyValues(error);
    if (error instanceof JsonError) return undefined;
    throw error;
  }
}

/** A patch. @throws StatusError 400 */
export async function readPatch(bytes: Uint8Array, turns: Turns): Promise<ReadBody> {
  try {
    const { value, duplicates, literals } = await parseJson(textOf(bytes), turns);
    return { json: value, problems: duplicates, literals };
  } catch (error) {
    if (error instanceof TooManyValuesError) throw tooManyValues(error);
    throw badRequest(`error decoding patch: ${messageOf(error)}`);
  }
}

function tooManyValues({ message }: TooManyValuesError): StatusError {
  return tooLarge(`Request entity too large: ${message}, found more`);
}

/** @param sizeBytes Of its encoded form: each value takes at least one, and each name four. @throws StatusError 413 */
export function checkValues(json: JsonValue, sizeBytes = Number.POSITIVE_INFINITY): void {
  if (sizeBytes <= valuesMax) return;
  try {
    checkCounts(json);
  } catch (error) {
    if (error instanceof TooManyValuesError) throw tooManyValues(error);
    throw error;
  }
}

export interface WriteQuery {
  readonly dryRun: boolean;
  readonly manager: string;
  readonly fieldValidation: FieldValidation;
}

const managerLengthMax = 128;

/** The options of a write. @throws StatusError 422 with `kind`, e.g. "CreateOptions". */
export function writeQueryOf(info: RequestInfo, kind: string): WriteQuery {
  const { query } = info;
  const dryRun = query.getAll("dryRun");
  const manager = query.get("fieldManager") ?? "";
  const validation = query.get("fieldValidation") ?? "";
  const errors: FieldError[] = [];
  if (dryRun.some((value) => value !== "All")) errors.push(notSupported("dryRun", dryRun, ["All"]));
  if (manager.length > managerLengthMax) errors.push(tooLong("fieldManager", managerLengthMax));
  if (/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(manager))
    errors.push(invalidField("fieldManager", manager, "should only contain printable characters"));
  if (!isValidation(validation))
    errors.push(notSupported("fieldValidation", validation, ["", "Ignore", "Strict", "Warn"]));
  if (errors.length > 0) throw invalid({ group: "meta.k8s.io", resource: kind, name: "" }, errors);
  return {
    dryRun: dryRun.length > 0,
    manager: manager === "" ? managerOf(info.header("user-agent")) : manager,
    fieldValidation: isValidation(validation) && validation !== "" ? validation : "Warn",
  };
}

function isValidation(text: string): text is FieldValidation | "" {
  return text === "" || text === "Ignore" || text === "Warn" || text === "Strict";
}

/** A program's name, the manager of fields it does not name one for. */
function managerOf(userAgent: string | undefined): string {
  const name = (userAgent ?? "").split("/")[0] ?? "";
  return name.replaceAll(/[^\p{L}\p{M}\p{N}\p{P}\p{S}]/gu, "").slice(0, managerLengthMax) || "unknown";
}

/** @throws StatusError 400 when a number is not one. */
export function integerOf(info: RequestInfo, name: string): number {
  const text = info.query.get(name);
  if (text === null || text === "") return 0;
  if (/^-?\d{1,18}$/.test(text)) return Number(text);
  throw badRequest(`expected ${name} to be a whole number, found ${JSON.stringify(text)}`);
}

/** What a request to a resource brings. */
export function expectedOf(definition: ResourceDefinition): Expected {
  return { kind: definition.kind, shape: definition.shape };
}
