import assert from "node:assert/strict";
import { test } from "node:test";
import { concat } from "#base/bytes.ts";
import { protobufItemLead, protobufListFrame } from "./protobuf-list.ts";
import { encodeEnvelope, encodeListMessage } from "./protobuf.ts";

test("a list in pieces is the same bytes as one that is encoded as a whole", () => {
  for (const sizes of [[], [0], [1, 127, 128], [20_000, 3, 16_384]]) {
    const items = sizes.map((size) => new Uint8Array(size).fill(7));
    const metadata = { resourceVersion: "12", continue: "x" };
    const whole = encodeEnvelope({ apiVersion: "v1", kind: "PodList", raw: encodeListMessage(metadata, items) });
    const led = items.map((item) => concat([protobufItemLead(item.length), item]));
    const itemsBytes = led.reduce((sum, { length }) => sum + length, 0);
    const { start, end } = protobufListFrame({ apiVersion: "v1", kind: "PodList", metadata, itemsBytes });
    assert.deepEqual(Buffer.from(concat([start, ...led, end])), Buffer.from(whole));
  }
});
