/** Answers a list: ready bytes one after the other, in pieces, so that a large list never stands in memory twice. */
import { utf8 } from "#base/bytes.ts";
import type { KubeObject, ListMeta } from "#machinery/meta.ts";
import { encodeEnvelope, encodeListMessage, encodeMessage } from "#machinery/protobuf.ts";
import { toTable } from "#machinery/table.ts";
import type { Exchange, ReplyHeaders } from "#wire/http.ts";
import { shown } from "./registry.ts";
import {
  contentTypeOf,
  encodeJson,
  jsonOf,
  listKindOf,
  partial,
  shapeOf,
  versioned,
  type Rendering,
} from "./render.ts";
import type { StoredObject } from "./stored-object.ts";
import type { Page } from "./verbs/list.ts";

// Smaller lists are sent as a whole, and may then be compressed.
const wholeBytesMax = 1024 * 1024;
const pieceBytes = 128 * 1024;

export function listMetaOf(page: Page): ListMeta {
  return {
    resourceVersion: String(page.revision),
    ...(page.continue === "" ? {} : { continue: page.continue }),
    ...(page.remaining === undefined ? {} : { remainingItemCount: page.remaining }),
  };
}

export async function replyList(exchange: Exchange, page: Page, rendering: Rendering): Promise<void> {
  const { served, answer } = rendering;
  const headers = { "content-type": contentTypeOf(answer), "cache-control": "no-cache, private" };
  const { definition } = served;
  if (answer.form.kind === "object" && answer.encoding === "json" && !answer.pretty) {
    const head = { kind: listKindOf(definition), apiVersion: definition.apiVersion, metadata: listMetaOf(page) };
    const start = utf8(`${JSON.stringify(head).slice(0, -1)},"items":[`);
    if (served.isStoredVersion) await replyStored(exchange, { start, objects: page.objects, headers });
    else exchange.reply(200, headers, [start, ...joined(page.objects.map((each) => jsonOf(served, each))), utf8("]}")]);
    return;
  }
  if (answer.encoding === "protobuf") {
    exchange.reply(200, headers, protobufList(page, rendering));
    return;
  }
  exchange.reply(200, headers, await encodeJson(formedList(page, rendering), answer));
}

function joined(parts: readonly Uint8Array[]): Uint8Array[] {
  const comma = utf8(",");
  return parts.flatMap((part, at) => (at === 0 ? [part] : [comma, part]));
}

function protobufList(page: Page, rendering: Rendering): Uint8Array {
  const { served, answer } = rendering;
  const { form } = answer;
  const shape = shapeOf(rendering);
  const items = page.objects.map((object) => encodeMessage(shape, shown(served, object)));
  const raw = encodeListMessage(listMetaOf(page), items);
  const { definition } = served;
  return form.kind === "object"
    ? encodeEnvelope({ apiVersion: definition.apiVersion, kind: listKindOf(definition), raw })
    : encodeEnvelope({ apiVersion: `meta.k8s.io/${form.version}`, kind: "PartialObjectMetadataList", raw });
}

function formedList(page: Page, { served, answer, options }: Rendering): unknown {
  const metadata = listMetaOf(page);
  const { definition } = served;
  const views: KubeObject[] = page.objects.map((object) => shown(served, object));
  const { form } = answer;
  switch (form.kind) {
    case "object":
      return { kind: listKindOf(definition), apiVersion: definition.apiVersion, metadata, items: views };
    case "Table":
      return versioned(toTable(definition, views, { ...options, metadata }), form);
    case "PartialObjectMetadata":
    case "PartialObjectMetadataList": {
      const items = views.map((view) => partial(view, form));
      return { kind: "PartialObjectMetadataList", apiVersion: `meta.k8s.io/${form.version}`, metadata, items };
    }
  }
}

interface StoredList {
  readonly start: Uint8Array;
  readonly objects: readonly StoredObject[];
  readonly headers: ReplyHeaders;
}

const commaByte = 0x2c;
const end = Buffer.from("]}");

async function replyStored(exchange: Exchange, { start, objects, headers }: StoredList): Promise<void> {
  let total = start.length + end.length + Math.max(objects.length - 1, 0);
  for (const object of objects) total += object.jsonBytes;
  if (total <= wholeBytesMax) {
    exchange.reply(200, headers, [...pieces({ start, objects, headers }, total)]);
    return;
  }
  const stream = exchange.stream(200, { ...headers, "content-length": String(total) });
  for (const piece of pieces({ start, objects, headers }, pieceBytes)) {
    if (stream.signal.aborted) return;
    if (!stream.write(piece)) await stream.drained();
  }
  stream.end();
}

/** The list in buffers of about `sizeBytes`. */
function* pieces({ start, objects }: StoredList, sizeBytes: number): Generator<Buffer> {
  let piece = Buffer.allocUnsafe(Math.max(sizeBytes, start.length));
  piece.set(start);
  let at = start.length;
  for (const [index, object] of objects.entries()) {
    const needed = object.jsonBytes + 1;
    if (at + needed > piece.length) {
      yield piece.subarray(0, at);
      piece = Buffer.allocUnsafe(Math.max(sizeBytes, needed));
      at = 0;
    }
    if (index > 0) piece[at++] = commaByte;
    at = object.writeJson(piece, at);
  }
  const isWhole = at + end.length <= piece.length;
  if (isWhole) piece.set(end, at);
  yield piece.subarray(0, isWhole ? at + end.length : at);
  if (!isWhole) yield end;
}
