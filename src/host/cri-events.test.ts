/** What is read of the runtime's events. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageCodec } from "#wire/message.ts";
import schema from "./cri-messages.json" with { type: "json" };

test("the containers that each event of a pod brings along are passed over", () => {
  const { messages, enums } = schema;
  const containersStatuses = "5 ContainerStatus list";
  const sent = { ...messages.ContainerEventResponse, containersStatuses };
  // As the runtime describes it.
  const runtime = new MessageCodec({ messages: { ...messages, ContainerEventResponse: sent }, enums });
  const event = { containerId: "c1", containersStatuses: [{ id: "c1" }, { id: "c2" }] };
  const read = new MessageCodec(schema).decode(
    "ContainerEventResponse",
    runtime.encode("ContainerEventResponse", event),
  );
  assert.deepEqual(read, { containerId: "c1", containerEventType: "CONTAINER_CREATED_EVENT", createdAt: 0 });
});
