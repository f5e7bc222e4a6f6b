/**
 * One object at one revision. The stored bytes are the truth and are shared by every get, list and watch; the decoded
 * object is made when somebody needs it and kept as long as somebody holds it.
 *
 * A stored value is JSON that begins with kind, apiVersion and `"metadata":{`, without the resourceVersion, which is
 * not known before the write. Answers put it in as the first member of metadata, so that an answer is three copies.
 */
import { messageOf } from "#base/assert.ts";
import { textOf, utf8 } from "#base/bytes.ts";
import type { Turns } from "#base/turns.ts";
import { deepFreeze, freezing } from "#machinery/freeze.ts";
import { readingWrittenJson, readWrittenJson } from "#machinery/json-reader.ts";
import type { KubeObject, ObjectKey } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import type { JsonObject, JsonValue } from "#machinery/shape.ts";
import type { ViewReader } from "#machinery/view-reader.ts";
import { prefixEnd, type Entry, type Revision } from "#storage/store.ts";

/** A resource as it is stored: where its keys are and how its values begin. */
export class StoredKind {
  readonly definition: ResourceDefinition;
  /** "/registry/pods/", "/registry/apps/deployments/": ends in a slash. */
  readonly prefix: string;
  readonly prefixEnd: string;
  /** What every stored value begins with. */
  readonly storedHead: Buffer;
  /** What every answer begins with, up to the digits of the resourceVersion. */
  readonly answerHead: Buffer;
  /** How much longer an answer is than the stored value, but for the digits of the resourceVersion. */
  readonly answerBytesMore: number;

  constructor(definition: ResourceDefinition) {
    const { group, plural, kind, apiVersion } = definition;
    this.definition = definition;
    this.prefix = group === "" ? `/registry/${plural}/` : `/registry/${group}/${plural}/`;
    this.prefixEnd = prefixEnd(this.prefix);
    const head = `{"kind":${JSON.stringify(kind)},"apiVersion":${JSON.stringify(apiVersion)},"metadata":{`;
    this.storedHead = Buffer.from(head);
    this.answerHead = Buffer.from(`${head}"resourceVersion":"`);
    this.answerBytesMore = this.answerHead.length - this.storedHead.length + `",`.length;
  }

  storeKey(key: ObjectKey): string {
    return key.namespace === "" ? this.prefix + key.name : `${this.prefix}${key.namespace}/${key.name}`;
  }

  objectKey(storeKey: string): ObjectKey {
    const rest = storeKey.slice(this.prefix.length);
    const slash = this.definition.namespaced ? rest.indexOf("/") : -1;
    return slash < 0 ? { namespace: "", name: rest } : { namespace: rest.slice(0, slash), name: rest.slice(slash + 1) };
  }

  /** The value to store for an object of the stored version. What it says of its kind is ours, not the object's. */
  encode(object: KubeObject): Uint8Array {
    const { kind: _, apiVersion: __, metadata, ...rest } = object;
    const { resourceVersion: ___, selfLink: ____, ...kept } = metadata;
    const { kind, apiVersion } = this.definition;
    const restText = JSON.stringify(rest);
    const head = `{"kind":${JSON.stringify(kind)},"apiVersion":${JSON.stringify(apiVersion)},"metadata":`;
    return utf8(`${head}${JSON.stringify(kept)}${restText === "{}" ? "}" : `,${restText.slice(1)}`}`);
  }

  /** An entry as an object; why not, when it cannot be read as one. */
  read(entry: Entry): StoredObject | { readonly why: string } {
    if (entry.damage !== undefined) return { why: entry.damage };
    try {
      return this.fromEntry(entry);
    } catch (error) {
      return { why: messageOf(error) };
    }
  }

  /** What is left of an object that cannot be read: enough to say that it is gone. */
  stub(storeKey: string, modRevision: Revision): StoredObject {
    const { kind, apiVersion } = this.definition;
    const { namespace, name } = this.objectKey(storeKey);
    const metadata = namespace === "" ? { name } : { namespace, name };
    const value = this.encode({ kind, apiVersion, metadata });
    return new StoredObject(this, { key: storeKey, value, createRevision: modRevision, modRevision }, modRevision);
  }

  /** An entry of the store as an object; one that somebody else wrote in another order is put in ours. */
  private fromEntry(entry: Entry): StoredObject {
    const { kind, apiVersion, renewed } = this.definition;
    const head = entry.value.subarray(0, this.storedHead.length);
    if (!renewed && this.storedHead.equals(head)) return new StoredObject(this, entry, entry.modRevision);
    // Holds because only objects are ever stored below this prefix.
    const found = readWrittenJson(textOf(entry.value)) as unknown as KubeObject;
    const object = { ...found, kind, apiVersion };
    const value = this.encode(renewed ? renewed(object) : object);
    return new StoredObject(this, { ...entry, value }, entry.modRevision);
  }
}

// One object reaches many readers: those that come while it is decoded wait for the same.
const decodings = new WeakMap<StoredObject, Promise<void>>();

export class StoredObject {
  readonly kind: StoredKind;
  readonly entry: Entry;
  /** The resourceVersion: that of the last write, or of the deletion for an object that a watch reports as gone. */
  readonly revision: Revision;
  /** Size of the JSON answer. A list adds up thousands of them, so it is at hand. */
  readonly jsonBytes: number;
  private decoded: WeakRef<KubeObject> | undefined = undefined;
  // Fields that somebody selects by, few.
  private knownFields: { readonly id: string; readonly value: string }[] | undefined;
  private knownLabels: Readonly<Record<string, string>> | undefined = undefined;

  constructor(kind: StoredKind, entry: Entry, revision: Revision) {
    this.kind = kind;
    this.entry = entry;
    this.revision = revision;
    this.jsonBytes = kind.answerBytesMore + digitsOf(revision) + entry.value.length;
  }

  get storeKey(): string {
    return this.entry.key;
  }

  /** The object in the stored version, frozen and shared. */
  get object(): KubeObject {
    const known = this.decoded?.deref();
    if (known) return known;
    const made = deepFreeze<KubeObject>(this.draft());
    this.decoded = new WeakRef(made);
    return made;
  }

  /** True when `object` costs nothing. */
  get isDecoded(): boolean {
    return this.decoded?.deref() !== undefined;
  }

  /**
   * Makes `object`, which is then at hand for as long as whoever waits for this goes on without a pause. For a large
   * one: it is read and frozen in pieces.
   *
   * @throws what `object` throws
   */
  decode(turns: Turns): Promise<void> {
    const known = decodings.get(this);
    if (known) return known;
    const decoding = this.decodeInTurns(turns).finally(() => decodings.delete(this));
    decodings.set(this, decoding);
    return decoding;
  }

  private async decodeInTurns(turns: Turns): Promise<void> {
    await turns.next();
    if (this.isDecoded) return;
    const made = await turns.through(this.drafting());
    const frozen = await turns.through(freezing(made));
    if (!this.isDecoded) this.decoded = new WeakRef(frozen);
  }

  /** Why it cannot be read: its value begins well, and goes on as nothing that we wrote. */
  fault(): string | undefined {
    try {
      return this.object.metadata.resourceVersion === undefined ? "it has no metadata" : undefined;
    } catch (error) {
      return messageOf(error);
    }
  }

  /** An object of this revision that is at hand already: spares decoding it. Must be frozen and equal to the bytes. */
  remember(object: KubeObject): this {
    this.decoded = new WeakRef(object);
    return this;
  }

  /** The same object as of another revision: its deletion. What is decoded is not decoded again. */
  at(revision: Revision): StoredObject {
    const other = new StoredObject(this.kind, this.entry, revision);
    const known = this.decoded?.deref();
    if (!known) return other;
    const metadata = Object.freeze({ ...known.metadata, resourceVersion: String(revision) });
    return other.remember(Object.freeze({ ...known, metadata }));
  }

  /** What a reader takes of the object in the stored version. */
  view(reader: ViewReader): KubeObject {
    return reader.read(this.entry.value, String(this.revision));
  }

  /** A copy of the object that the caller owns and may change. */
  draft(): JsonObject & KubeObject {
    return this.asRead(readWrittenJson(textOf(this.entry.value)));
  }

  /** The same in pieces, for a large one. */
  *drafting(): Generator<undefined, JsonObject & KubeObject> {
    return this.asRead(yield* readingWrittenJson(textOf(this.entry.value)));
  }

  private asRead(json: JsonValue): JsonObject & KubeObject {
    // Holds because only objects are ever stored, and `fromEntry` brought them in form.
    const read = json as unknown as JsonObject & KubeObject & { metadata: { resourceVersion?: string } };
    read.metadata.resourceVersion = String(this.revision);
    return read;
  }

  get labels(): Readonly<Record<string, string>> {
    this.knownLabels ??= this.object.metadata.labels ?? {};
    return this.knownLabels;
  }

  /** The value of a field that objects are selected by, looked up once. @throws what `of` throws */
  selected(id: string, of: () => string): string {
    const known = this.knownFields?.find((field) => field.id === id);
    if (known) return known.value;
    const value = of();
    (this.knownFields ??= []).push({ id, value });
    return value;
  }

  get key(): ObjectKey {
    return this.kind.objectKey(this.entry.key);
  }

  /** Writes the JSON answer to `target` from `at` on. Returns where it ends. */
  writeJson(target: Uint8Array, at: number): number {
    const { answerHead, storedHead } = this.kind;
    const { value } = this.entry;
    const end = at + this.jsonBytes;
    // The stored head lands where the answer's head, which is longer, then goes: one copy, no view.
    const start = end - value.length;
    const headEnd = start + storedHead.length;
    target.set(value, start);
    target.set(answerHead, at);
    target[headEnd - 1] = commaByte;
    target[headEnd - 2] = quoteByte;
    let rest = this.revision;
    for (let digit = headEnd - 3; digit >= at + answerHead.length; digit -= 1) {
      target[digit] = zeroByte + (rest % 10);
      rest = Math.floor(rest / 10);
    }
    return end;
  }

  /** The JSON answer, as bytes nobody else holds. */
  json(): Buffer {
    const target = Buffer.allocUnsafe(this.jsonBytes);
    this.writeJson(target, 0);
    return target;
  }
}

const zeroByte = 0x30;
const quoteByte = 0x22;
const commaByte = 0x2c;

function digitsOf(value: number): number {
  let digits = 1;
  for (let bound = 10; value >= bound; bound *= 10) digits += 1;
  return digits;
}
