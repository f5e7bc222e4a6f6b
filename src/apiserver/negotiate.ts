/**
 * Which encoding and which form a request comes in and an answer goes out.
 *
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-encodings
 */
import { own } from "#base/own.ts";
import { notAcceptable, unsupportedMediaType } from "#machinery/status.ts";
import type { RequestInfo } from "./request-info.ts";

export type Encoding = "json" | "yaml" | "protobuf";

/** What stands for the objects: themselves, rows of a table, or their metadata alone. */
export type Form =
  | { readonly kind: "object" }
  | { readonly kind: "Table" | "PartialObjectMetadata" | "PartialObjectMetadataList"; readonly version: string };

export interface Answer {
  readonly encoding: Encoding;
  readonly form: Form;
  readonly pretty: boolean;
}

export const mediaTypes: Readonly<Record<Encoding, string>> = {
  json: "application/json",
  yaml: "application/yaml",
  protobuf: "application/vnd.kubernetes.protobuf",
};

const encodingOf: Readonly<Record<string, Encoding>> = {
  "application/json": "json",
  "application/yaml": "yaml",
  "application/vnd.kubernetes.protobuf": "protobuf",
};

const all: readonly Encoding[] = ["json", "yaml", "protobuf"];
const asObject: Form = { kind: "object" };
export const plainJson: Answer = { encoding: "json", form: asObject, pretty: false };

/** One clause of an Accept header. */
export interface Clause {
  /** In lower case, e.g. "application/json" or "*\/*". */
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly quality: number;
}

// Clients send the same few headers over and over.
const parsedMax = 256;
const parsed = new Map<string, readonly Clause[]>();

/** The clauses of an Accept header, the most wanted first. */
export function parseAccept(header: string): readonly Clause[] {
  const known = parsed.get(header);
  if (known) return known;
  const clauses = header
    .split(",")
    .map(parseClause)
    .filter((clause) => clause.quality > 0)
    .sort((a, b) => b.quality - a.quality || stars(a) - stars(b));
  if (parsed.size >= parsedMax) parsed.clear();
  parsed.set(header, clauses);
  return clauses;
}

function parseClause(text: string): Clause {
  const [type = "", ...rest] = text.split(";").map((part) => part.trim());
  const parameters: Record<string, string> = {};
  for (const part of rest) {
    const at = part.indexOf("=");
    if (at > 0) parameters[part.slice(0, at).trim().toLowerCase()] = part.slice(at + 1).trim();
  }
  const { q, ...others } = parameters;
  return { type: type.toLowerCase(), parameters: others, quality: q === undefined ? 1 : Number(q) || 0 };
}

function stars(clause: Clause): number {
  return clause.type === "*/*" ? 2 : clause.type.endsWith("/*") ? 1 : 0;
}

export interface NegotiateOptions {
  /** Encodings the kind can be answered in; absent for all. */
  readonly encodings?: readonly Encoding[];
  /** False where there is no metadata to make tables of. */
  readonly forms?: boolean;
  /** A watch: the type may carry `;stream=watch`. */
  readonly stream?: boolean;
}

/** @throws StatusError 406 when nothing fits. */
export function negotiate(info: RequestInfo, options: NegotiateOptions = {}): Answer {
  const header = info.header("accept") ?? "";
  const encodings = options.encodings ?? all;
  if (header === "") return { ...plainJson, pretty: isPretty(info) };
  for (const clause of parseAccept(header)) {
    const form = formOf(clause);
    if (!form || (form.kind !== "object" && options.forms === false)) continue;
    for (const encoding of encodings) {
      if (!typeFits(clause.type, mediaTypes[encoding])) continue;
      if (form.kind === "Table" && encoding === "protobuf") continue;
      if (options.stream === true && encoding === "yaml") continue;
      return { encoding, form, pretty: clause.parameters["pretty"] === "1" || isPretty(info) };
    }
  }
  const suffix = options.stream === true ? ";stream=watch" : "";
  const accepted = encodings.filter((encoding) => options.stream !== true || encoding !== "yaml");
  throw notAcceptable(
    `only the following media types are accepted: ${accepted.map((encoding) => mediaTypes[encoding] + suffix).join(", ")}`,
  );
}

export function typeFits(asked: string, offered: string): boolean {
  return asked === offered || asked === "*/*" || (asked.endsWith("/*") && offered.startsWith(asked.slice(0, -1)));
}

/** Undefined for a form this server does not know. */
function formOf({ parameters }: Clause): Form | undefined {
  const { as, g, v, stream, sv } = parameters;
  if (stream !== undefined && stream !== "" && stream !== "watch") return undefined;
  if (sv !== undefined && sv !== "") return undefined;
  if (as === undefined && g === undefined && v === undefined) return asObject;
  if (g !== "meta.k8s.io" || (v !== "v1" && v !== "v1beta1")) return undefined;
  if (as !== "Table" && as !== "PartialObjectMetadata" && as !== "PartialObjectMetadataList") return undefined;
  return { kind: as, version: v };
}

const human = /^(?:curl|Wget|Mozilla\/5\.0)/;

function isPretty(info: RequestInfo): boolean {
  const asked = info.query.get("pretty");
  if (asked !== null) return asked === "true" || asked === "1";
  return human.test(info.header("user-agent") ?? "");
}

/** The encoding of a request's body. @throws StatusError 415 */
export function bodyEncoding(info: RequestInfo, encodings: readonly Encoding[] = all): Encoding {
  const header = info.header("content-type") ?? "";
  if (header === "") return "json";
  const type = (header.split(";")[0] ?? "").trim().toLowerCase();
  const encoding = own(encodingOf, type);
  if (encoding && encodings.includes(encoding)) return encoding;
  throw unsupportedMediaType(
    `the body of the request was in an unknown format - accepted media types include: ${encodings.map((each) => mediaTypes[each]).join(", ")}`,
  );
}

export type PatchType = "json" | "merge" | "strategic" | "apply";

const patchTypes: Readonly<Record<string, PatchType>> = {
  "application/json-patch+json": "json",
  "application/merge-patch+json": "merge",
  "application/strategic-merge-patch+json": "strategic",
  "application/apply-patch+yaml": "apply",
};

/** @throws StatusError 415 */
export function patchTypeOf(info: RequestInfo, allowed: readonly PatchType[]): PatchType {
  const type = ((info.header("content-type") ?? "").split(";")[0] ?? "").trim();
  const patchType = own(patchTypes, type);
  if (patchType && allowed.includes(patchType)) return patchType;
  const names = Object.keys(patchTypes).filter((name) => allowed.includes(own(patchTypes, name) ?? "json"));
  throw unsupportedMediaType(
    `the body of the request was in an unknown format - accepted media types include: ${names.join(", ")}`,
  );
}
