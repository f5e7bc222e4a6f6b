import assert from "node:assert/strict";
import { test } from "node:test";
import { events } from "#resources/core/event.ts";
import { TestApiServer } from "#testing/api-server.ts";
import { settled, VirtualClock } from "#testing/virtual-clock.ts";
import { eventExpiry } from "./upkeep.ts";

const path = "/api/v1/namespaces/default/events";

test("events are deleted an hour after they were last seen, however many there are", async () => {
  const clock = new VirtualClock();
  const server = new TestApiServer({ clock });
  const client = server.api.directClient({ name: "system:apiserver", groups: ["system:masters"] });
  const make = async (name: string): Promise<void> => {
    const involvedObject = { kind: "Pod", namespace: "default", name };
    const { code, text } = await server.ask(`POST ${path}`, { body: { metadata: { name }, involvedObject } });
    assert.equal(code, 201, text);
  };
  for (let at = 0; at < 300; at += 1) await make(`old${at}`);
  await clock.advance(1_800_000);
  await make("young");
  const ending = new AbortController();
  const running = eventExpiry(server.api.server, client).run(ending.signal);
  await clock.advance(1_800_000);
  await settled();
  assert.deepEqual(
    (await client.list(events, {})).items.map(({ metadata }) => metadata.name),
    ["young"],
  );
  ending.abort(new Error("the test ends"));
  await assert.rejects(running, /the test ends/);
});
