/**
 * How large an object may become. Upstream leaves it to etcd, which takes a request of 1.5 MiB: custom resources are
 * stored as JSON there, and built-in kinds in protobuf, which upstream reckons with half the size of their JSON.
 */
import { tooLong, type FieldError } from "#machinery/field-error.ts";
import { annotationsBytesMax } from "#machinery/object-meta-rules.ts";
import type { KubeObject } from "#machinery/meta.ts";
import type { JsonObject } from "#machinery/shape.ts";
import { invalid, tooLarge } from "#machinery/status.ts";
import { checkValues } from "../body.ts";
import { kindTargetOf, metaText, type Draft, type WriteCall } from "../call.ts";

/** Of the JSON that is stored, the managed fields in it. */
export const storedBytesMax = { custom: 1.5 * 1024 * 1024, builtIn: 3 * 1024 * 1024 } as const;

/**
 * Differs from upstream: 413 with a reason and sizes, where upstream says 500 with the first words, for it is not the
 * server that failed.
 *
 * @throws StatusError 413
 */
export function checkStored(call: WriteCall, object: KubeObject, value: Uint8Array): void {
  const bytesMax = call.served.custom ? storedBytesMax.custom : storedBytesMax.builtIn;
  if (value.length > bytesMax)
    throw tooLarge(
      `etcdserver: request is too large: expected an object of at most ${bytesMax} bytes with its managed fields, found ${value.length}`,
    );
  // What is stored can be sent back. Holds because objects are JSON.
  checkValues(object as unknown as JsonObject, value.length);
}

/** What is known to be refused before its managed fields are worked out. @throws StatusError 422 */
export function checkMetaSize(call: WriteCall, draft: Draft): void {
  const { annotations } = draft.metadata;
  let sizeBytes = 0;
  // Holds because decoding made a map of texts of it.
  for (const [key, value] of Object.entries((annotations ?? {}) as Readonly<Record<string, string>>)) {
    sizeBytes += Buffer.byteLength(key) + Buffer.byteLength(value);
    if (sizeBytes <= annotationsBytesMax) continue;
    const errors: FieldError[] = [tooLong("metadata.annotations", annotationsBytesMax)];
    throw invalid(kindTargetOf(call, metaText(draft, "name")), errors);
  }
}
