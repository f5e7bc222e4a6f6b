import assert from "node:assert/strict";
import { test } from "node:test";
import { configMaps } from "#resources/core/config-map.ts";
import { untyped } from "#machinery/resource.ts";
import { StoredKind, StoredObject } from "./stored-object.ts";
import { EncodedForms, framesBytesMax } from "./encoded-forms.ts";

const megabyte = 1024 * 1024;

test("frames are made once for watchers of one form, and those that are kept take a few megabytes", () => {
  const kind = new StoredKind(untyped(configMaps));
  const frames = new EncodedForms(framesBytesMax);
  const objects = Array.from({ length: 40 }, (_, at) => {
    const entry = {
      key: `/registry/configmaps/default/m${at}`,
      value: new Uint8Array(2),
      createRevision: at,
      modRevision: at,
    };
    return new StoredObject(kind, entry, at);
  });
  let made = 0;
  for (const object of objects)
    for (const form of ["json", "protobuf", "json"])
      frames.get(object, form, () => {
        made += 1;
        return new Uint8Array(megabyte);
      });
  assert.equal(made, 80, "once for each object and form");
  assert.ok(frames.sizeBytes <= 8 * megabyte, `${frames.sizeBytes} bytes`);
});
