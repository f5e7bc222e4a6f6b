import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageCodec } from "./message.ts";
import { ProtobufWriter } from "#base/protobuf.ts";

const codec = new MessageCodec({
  messages: {
    Pod: {
      name: "1 string",
      state: "2 State",
      labels: "3 string map",
      groups: "4 int64 list",
      mounts: "5 Mount list",
      owner: "6 Mount",
      limit: "7 int64",
      ready: "8 bool",
      load: "9 double",
      data: "10 bytes",
    },
    Mount: { path: "1 string" },
  },
  enums: { State: { READY: 0, GONE: 1 } },
});

test("a message comes back as it was written", () => {
  const pod = {
    name: "web",
    state: "GONE",
    labels: { app: "web", "": "empty" },
    groups: [1, -2, 2 ** 40],
    mounts: [{ path: "/a" }, { path: "" }],
    owner: { path: "/o" },
    limit: -(2 ** 53),
    ready: true,
    load: 0.25,
    data: new Uint8Array([0, 255]),
  };
  const back = codec.decode("Pod", codec.encode("Pod", pod));
  assert.deepEqual(back, { ...pod, data: Buffer.from(pod.data) });
});

test("what was not sent has its zero value, and a message is absent", () => {
  assert.deepEqual(codec.decode("Pod", new Uint8Array(0)), {
    name: "",
    state: "READY",
    labels: {},
    groups: [],
    mounts: [],
    limit: 0,
    ready: false,
    load: 0,
    data: new Uint8Array(0),
  });
});

test("packed numbers, unknown fields and unknown enum values are read", () => {
  const packed = new ProtobufWriter();
  const mark = packed.open(4);
  packed.append(new Uint8Array([1, 0xac, 0x02]));
  packed.close(mark);
  packed.int(2, 7);
  packed.string(99, "new");
  const pod = codec.decode("Pod", packed.finish());
  assert.deepEqual(
    { groups: Reflect.get(pod, "groups"), state: Reflect.get(pod, "state") },
    { groups: [1, 300], state: "7" },
  );
});

test("a value of the wrong type is refused by name", () => {
  assert.throws(() => codec.encode("Pod", { limit: "5" }), /expected "limit" to be int64, found string/);
  assert.throws(
    () => codec.encode("Pod", { state: "LOST" }),
    /expected "state" to be one of READY, GONE, found "LOST"/,
  );
});
