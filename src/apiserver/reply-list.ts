/**
 * Answers a list: item by item, in stretches that leave room for others, and no faster than the client reads, so that a
 * long list never stands in memory as a whole.
 */
import type { ByteBudget } from "#base/byte-budget.ts";
import { concat, textOf, utf8 } from "#base/bytes.ts";
import type { Turns } from "#base/turns.ts";
import type { ListMeta } from "#machinery/meta.ts";
import { encodeMessage } from "#machinery/protobuf.ts";
import { protobufItemLead, protobufListFrame } from "#machinery/protobuf-list.ts";
import { Ages } from "#machinery/ages.ts";
import { tableRow, toTable } from "#machinery/table.ts";
import type { Exchange, ReplyHeaders, ResponseStream } from "#wire/http.ts";
import type { Request } from "./pipeline.ts";
import { shown } from "./registry.ts";
import type { EncodedItems } from "./encoded-items.ts";
import {
  contentTypeOf,
  encodeJson,
  formNameOf,
  listKindOf,
  partial,
  shapeOf,
  versioned,
  type Rendering,
} from "./render.ts";
import type { Server } from "./server.ts";
import type { StoredObject } from "./stored-object.ts";
import type { Page } from "./verbs/list.ts";

// Smaller lists are sent as a whole, and may then be compressed.
const wholeBytesMax = 1024 * 1024;
const pieceBytes = 64 * 1024;

/** Encoded items that are kept until they are sent, for one owner and for all; those beyond are encoded once more then. */
export const keptLimits = { ofOneBytesMax: 16 * 1024 * 1024, totalBytesMax: 64 * 1024 * 1024 } as const;

export function listMetaOf(page: Page): ListMeta {
  return {
    resourceVersion: String(page.revision),
    ...(page.continue === "" ? {} : { continue: page.continue }),
    ...(page.remaining === undefined ? {} : { remainingItemCount: page.remaining }),
  };
}

/** A list as a row of pieces. */
interface Layout {
  readonly start: Uint8Array;
  readonly between: Uint8Array;
  readonly end: Uint8Array;
  /** A promise where making it may take long. */
  readonly item: (object: StoredObject, at: number) => Uint8Array | Promise<Uint8Array>;
  /** Of the whole list; undefined when that is not known beforehand. */
  readonly sizeBytes: number | undefined;
}

export interface ListReply {
  readonly page: Page;
  readonly rendering: Rendering;
  /** `kept`: what is kept of all lists until it is sent; `items`: what lists had in common. */
  readonly server: Pick<Server, "kept" | "items">;
}

/** Resolves when the list is on its way as a whole, or its reader is gone. @throws StatusError 429 */
export async function replyList(
  { exchange, sending }: Pick<Request, "exchange" | "sending">,
  { page, rendering, server }: ListReply,
): Promise<void> {
  const { kept } = server;
  const headers = { "content-type": contentTypeOf(rendering.answer), "cache-control": "no-cache, private" };
  if (page.objects.length === 0 && rendering.answer.encoding !== "protobuf") {
    exchange.reply(200, headers, await encodeJson(around([], page, rendering), rendering.answer));
    return;
  }
  let sizeBytes = 0;
  let pieceBytesMax = pieceBytes;
  for (const { jsonBytes } of page.objects) {
    sizeBytes += jsonBytes;
    pieceBytesMax = Math.max(pieceBytesMax, jsonBytes);
  }
  const isLong = sizeBytes > wholeBytesMax;
  if (isLong) sending();
  using items = new KeptItems(kept, exchange.owner);
  const layout = await layoutOf(page, rendering, { items, encoded: server.items });
  const pieces = piecesOf(layout, page.objects, rendering.turns);
  if (isLong)
    await sendPieces(openStream(exchange, headers, layout), pieces, { kept, owner: exchange.owner, pieceBytesMax });
  else exchange.reply(200, headers, await Array.fromAsync(pieces));
}

function openStream(exchange: Exchange, headers: ReplyHeaders, { sizeBytes }: Layout): ResponseStream {
  return exchange.stream(200, sizeBytes === undefined ? headers : { ...headers, "content-length": String(sizeBytes) });
}

interface Counted {
  readonly kept: ByteBudget;
  readonly owner: string;
  /** What a piece may take. */
  readonly pieceBytesMax: number;
}

async function sendPieces(
  stream: ResponseStream,
  pieces: AsyncIterator<Uint8Array>,
  { kept, owner, pieceBytesMax }: Counted,
): Promise<void> {
  try {
    while (!stream.signal.aborted) {
      // A piece may be a large object: no more of them are made than may wait to be read.
      await kept.holdInTurn(owner, pieceBytesMax, stream.signal);
      try {
        const { done, value } = await pieces.next();
        if (done === true) return stream.end();
        if (!stream.write(value)) await stream.drained();
      } finally {
        kept.release(owner, pieceBytesMax);
      }
    }
  } catch (error) {
    // The head is gone out: a list that breaks off is all the client can be told.
    stream.reset();
    throw error;
  }
}

/** Items that were encoded to learn the size of all. */
class KeptItems implements Disposable {
  private readonly budget: ByteBudget;
  private readonly owner: string;
  private readonly items: Uint8Array[] = [];
  private sizeBytes = 0;
  private isFull = false;

  constructor(budget: ByteBudget, owner: string) {
    this.budget = budget;
    this.owner = owner;
  }

  /** Those that come first, in order, as long as there is room. */
  add(item: Uint8Array): void {
    this.isFull ||= this.budget.isOverdrawn(this.owner);
    if (this.isFull) return;
    this.items.push(item);
    this.sizeBytes += item.length;
    this.budget.hold(this.owner, item.length);
  }

  at(index: number): Uint8Array | undefined {
    return this.items[index];
  }

  [Symbol.dispose](): void {
    this.budget.release(this.owner, this.sizeBytes);
    this.sizeBytes = 0;
  }
}

/** The list in buffers of about the size of a piece. */
async function* piecesOf(
  { start, between, end, item }: Layout,
  objects: readonly StoredObject[],
  turns: Turns,
): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [start];
  let partsBytes = start.length;
  for (const [at, object] of objects.entries()) {
    const rest = turns.rest();
    if (rest) await rest;
    if (at > 0) parts.push(between);
    const made = item(object, at);
    const bytes = made instanceof Promise ? await made : made;
    parts.push(bytes);
    partsBytes += bytes.length + between.length;
    if (partsBytes < pieceBytes) continue;
    yield concat(parts);
    parts = [];
    partsBytes = 0;
  }
  parts.push(end);
  yield concat(parts);
}

interface LayoutParts {
  /** Of this list, until they are sent. */
  readonly items: KeptItems;
  /** Of whatever lists there were. */
  readonly encoded: EncodedItems;
}

async function layoutOf(page: Page, rendering: Rendering, parts: LayoutParts): Promise<Layout> {
  const { answer, served } = rendering;
  if (answer.encoding === "protobuf") return protobufLayout(page, rendering, parts);
  const layout = await textLayout(page, rendering, parts.encoded);
  const isAsStored = answer.form.kind === "object" && answer.encoding === "json" && !answer.pretty;
  if (!isAsStored || !served.isStoredVersion) return layout;
  let sizeBytes = layout.start.length + layout.end.length + Math.max(page.objects.length - 1, 0);
  for (const object of page.objects) sizeBytes += object.jsonBytes;
  return { ...layout, sizeBytes, item: (object) => object.json() };
}

async function protobufLayout(
  page: Page,
  rendering: Rendering,
  { items, encoded: cache }: LayoutParts,
): Promise<Layout> {
  const { served, answer, turns } = rendering;
  const { definition } = served;
  const { form } = answer;
  const shape = shapeOf(rendering);
  const formName = formNameOf(rendering);
  const make = (object: StoredObject): Uint8Array => {
    const raw = encodeMessage(shape, shown(served, object));
    return concat([protobufItemLead(raw.length), raw]);
  };
  const encoded = (object: StoredObject): Uint8Array => cache.get(object, formName, () => make(object));
  let itemsBytes = 0;
  for (const object of page.objects) {
    const rest = turns.rest();
    if (rest) await rest;
    const item = encoded(object);
    itemsBytes += item.length;
    items.add(item);
  }
  const named =
    form.kind === "object"
      ? { apiVersion: definition.apiVersion, kind: listKindOf(definition) }
      : { apiVersion: `meta.k8s.io/${form.version}`, kind: "PartialObjectMetadataList" };
  const { start, end } = protobufListFrame({ ...named, metadata: listMetaOf(page), itemsBytes });
  const sizeBytes = start.length + itemsBytes + end.length;
  return { start, end, between: new Uint8Array(), sizeBytes, item: (object, at) => items.at(at) ?? encoded(object) };
}

/** Rows of a table, which stay the same until the next age changes. */
function rowsOf(rendering: Rendering, cache: EncodedItems): ((object: StoredObject) => Uint8Array) | undefined {
  const { served, answer, options } = rendering;
  if (answer.form.kind !== "Table") return undefined;
  const formName = formNameOf(rendering);
  const nowMs = options.nowMs();
  const { includeObject } = options;
  return (object) =>
    cache.getDated(object, formName, {
      nowMs,
      make: () => {
        const ages = new Ages(nowMs);
        const row = tableRow(served.definition, shown(served, object), { ages, includeObject });
        return { bytes: utf8(JSON.stringify(row)), holdsUntilMs: ages.holdUntilMs };
      },
    });
}

// Stands for the items in a list that is rendered without them.
const mark = "kedge-list-items";

/** JSON or YAML: a list around a mark is rendered, and the items take its place. */
async function textLayout(page: Page, rendering: Rendering, cache: EncodedItems): Promise<Layout> {
  const { encoding, pretty } = rendering.answer;
  const formatting = encoding === "yaml" ? (await import("#wire/yaml-pieces.ts")).formattingYaml : undefined;
  const frame = textOf(await encodeJson(around([mark], page, rendering), rendering.answer));
  const quoted = formatting ? mark : JSON.stringify(mark);
  const at = frame.lastIndexOf(quoted);
  const { between, indent } = formatting ? forms.yaml : pretty ? forms.pretty : forms.plain;
  const bytesOf = (text: string): Uint8Array => utf8(indent === "" ? text : text.replaceAll("\n", `\n${indent}`));
  const make = (object: StoredObject): Uint8Array =>
    bytesOf(JSON.stringify(itemOf(object, rendering), null, pretty ? 2 : undefined));
  const formName = formNameOf(rendering);
  const row = rowsOf(rendering, cache);
  const item: Layout["item"] = formatting
    ? async (object) => {
        const text = await rendering.turns.through(formatting(itemOf(object, rendering)));
        return bytesOf(text.trimEnd());
      }
    : // People's forms are rarely asked for twice.
      pretty
      ? make
      : (row ?? ((object) => cache.get(object, formName, () => make(object))));
  const [start, end] = [frame.slice(0, at), frame.slice(at + quoted.length)];
  return { start: utf8(start), end: utf8(end), between: utf8(between), item, sizeBytes: undefined };
}

/** What stands between items, and before each further line of one. */
const forms = {
  yaml: { between: "\n- ", indent: "  " },
  pretty: { between: ",\n    ", indent: "    " },
  plain: { between: ",", indent: "" },
} as const;

/** The list in its form, with other things in place of its items. */
function around(items: readonly unknown[], page: Page, { served, answer, options }: Rendering): object {
  const metadata = listMetaOf(page);
  const { definition } = served;
  const { form } = answer;
  switch (form.kind) {
    case "object":
      return { kind: listKindOf(definition), apiVersion: definition.apiVersion, metadata, items };
    case "Table":
      return {
        ...versioned(toTable(definition, [], { ages: new Ages(options.nowMs()), metadata }), form),
        rows: items,
      };
    case "PartialObjectMetadata":
    case "PartialObjectMetadataList":
      return { kind: "PartialObjectMetadataList", apiVersion: `meta.k8s.io/${form.version}`, metadata, items };
  }
}

function itemOf(object: StoredObject, { served, answer, options }: Rendering): unknown {
  const view = shown(served, object);
  const { form } = answer;
  switch (form.kind) {
    case "object":
      return view;
    case "Table":
      return tableRow(served.definition, view, {
        ages: new Ages(options.nowMs()),
        includeObject: options.includeObject,
      });
    case "PartialObjectMetadata":
    case "PartialObjectMetadataList":
      return partial(view, form);
  }
}
