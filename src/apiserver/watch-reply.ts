/** A watch's events as bytes on their way to a client. A frame is made once for all watchers that want it alike. */
import { utf8 } from "#base/bytes.ts";
import { Ages } from "#machinery/ages.ts";
import { status as statusShape } from "#machinery/meta.ts";
import { encodeObject, encodeWatchEvent } from "#machinery/protobuf.ts";
import type { StatusError } from "#machinery/status.ts";
import type { Revision } from "#storage/store.ts";
import type { Exchange, ResponseStream } from "#wire/http.ts";
import type { Encoded, EncodedForms } from "./encoded-forms.ts";
import { formed, formNameOf, jsonOf, partial, protobufOf, shapeOf, type Rendering } from "./render.ts";
import type { StoredObject } from "./stored-object.ts";
import type { EventType, WatchSink } from "./watch-cache.ts";

// A receiver with more than this on its way is cut off.
const bufferedBytesMax = 64 * 1024 * 1024;

export class WatchReply implements WatchSink {
  private readonly exchange: Exchange;
  private readonly rendering: Rendering;
  private readonly frames: EncodedForms;
  private readonly formName: string;
  private stream: ResponseStream | undefined;

  constructor(exchange: Exchange, rendering: Rendering, frames: EncodedForms) {
    this.exchange = exchange;
    this.rendering = rendering;
    this.frames = frames;
    this.formName = formNameOf(rendering);
  }

  /** Sends the head of the answer, if it was not sent yet. */
  open(): ResponseStream {
    this.stream ??= this.exchange.stream(200, {
      "content-type": watchTypes[this.rendering.answer.encoding],
      "cache-control": "no-cache, private",
    });
    return this.stream;
  }

  send(type: EventType, object: StoredObject): boolean {
    const { answer, options } = this.rendering;
    const name = `${type} ${this.formName}`;
    const frame =
      answer.form.kind === "Table"
        ? this.frames.getDated(object, name, { nowMs: options.nowMs(), make: () => this.tableFrame(type, object) })
        : this.frames.get(object, name, () => this.frame(type, object));
    return this.write(frame);
  }

  bookmark(revision: Revision, initialEventsEnd: boolean): boolean {
    const { definition } = this.rendering.served;
    const annotations = initialEventsEnd ? { annotations: { "k8s.io/initial-events-end": "true" } } : {};
    const metadata = { resourceVersion: String(revision), ...annotations };
    const object = { kind: definition.kind, apiVersion: definition.apiVersion, metadata };
    const { encoding, form } = this.rendering.answer;
    if (encoding === "protobuf") {
      const bare = form.kind === "object" ? object : partial(object, form);
      return this.write(lengthPrefixed(encodeWatchEvent("BOOKMARK", encodeObject(shapeOf(this.rendering), bare))));
    }
    const shownAs =
      form.kind === "PartialObjectMetadata" || form.kind === "PartialObjectMetadataList"
        ? partial(object, form)
        : form.kind === "Table"
          ? {
              kind: "Table",
              apiVersion: `meta.k8s.io/${form.version}`,
              metadata,
              columnDefinitions: null,
              rows: [{ cells: [], object: partial(object, form) }],
            }
          : object;
    return this.write(utf8(`${JSON.stringify({ type: "BOOKMARK", object: shownAs })}\n`));
  }

  /** Tells why there is nothing to watch, and ends. */
  refuse(error: StatusError): void {
    const status = error.toStatus();
    if (this.rendering.answer.encoding === "protobuf") {
      const encoded = encodeObject(statusShape, { ...status, kind: "Status", apiVersion: "v1" });
      this.write(lengthPrefixed(encodeWatchEvent("ERROR", encoded)));
    } else this.write(utf8(`${JSON.stringify({ type: "ERROR", object: status })}\n`));
    this.end();
  }

  drained(): Promise<void> {
    return this.open().drained();
  }

  end(): void {
    // Also of a watch that ended before it began: its client waits for an answer.
    this.open().end();
  }

  private write(frame: Uint8Array): boolean {
    const stream = this.open();
    const keepsUp = stream.write(frame);
    if (stream.bufferedBytes > bufferedBytesMax) stream.reset();
    return keepsUp;
  }

  private tableFrame(type: EventType, object: StoredObject): Encoded {
    const ages = new Ages(this.rendering.options.nowMs());
    const bytes = utf8(`${JSON.stringify({ type, object: formed(object, this.rendering, ages) })}\n`);
    return { bytes, holdsUntilMs: ages.holdUntilMs };
  }

  private frame(type: EventType, object: StoredObject): Uint8Array {
    const { served, answer } = this.rendering;
    if (answer.encoding === "protobuf")
      return lengthPrefixed(encodeWatchEvent(type, protobufOf(object, this.rendering)));
    if (answer.form.kind === "object") {
      if (served.isStoredVersion) return storedFrame(type, object);
      return Buffer.concat([frameHeads[type], jsonOf(served, object), frameEnd]);
    }
    return utf8(`${JSON.stringify({ type, object: formed(object, this.rendering) })}\n`);
  }
}

const watchTypes = {
  json: "application/json",
  yaml: "application/yaml",
  protobuf: "application/vnd.kubernetes.protobuf;stream=watch",
} as const;

const frameHeads: Readonly<Record<EventType, Buffer>> = {
  ADDED: Buffer.from('{"type":"ADDED","object":'),
  MODIFIED: Buffer.from('{"type":"MODIFIED","object":'),
  DELETED: Buffer.from('{"type":"DELETED","object":'),
};
const frameEnd = Buffer.from("}\n");

/** A message of a stream: its length in four bytes, then itself. */
function lengthPrefixed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(4 + message.length);
  frame.writeUInt32BE(message.length);
  frame.set(message, 4);
  return frame;
}

function storedFrame(type: EventType, object: StoredObject): Buffer {
  const head = frameHeads[type];
  const frame = Buffer.allocUnsafe(head.length + object.jsonBytes + frameEnd.length);
  frame.set(head);
  const at = object.writeJson(frame, head.length);
  frame.set(frameEnd, at);
  return frame;
}
