/** Messages out of a stream, on a real connection and in virtual time. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { framed } from "./exchange.ts";
import { readMessages } from "./stream.ts";

async function pair(): Promise<{ sender: Socket; receiver: Socket }> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const sender = connect({ host: "127.0.0.1", port: address.port, noDelay: true });
  const [receiver] = (await once(server, "connection")) as [Socket];
  server.close();
  return { sender, receiver };
}

test("messages come whole, however the stream was cut", async () => {
  const { sender, receiver } = await pair();
  const texts = ["one", "", "a somewhat longer message", "four"];
  const all = Buffer.concat(texts.map((text) => framed(Buffer.from(text))));
  const got: string[] = [];
  const done = new Promise<void>((resolve) => {
    readMessages(receiver, new VirtualClock(), (message) => {
      if (got.push(Buffer.from(message).toString()) === texts.length) resolve();
    });
  });
  for (const byte of all) {
    sender.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await done;
  assert.deepEqual(got, texts);
  sender.destroy();
  receiver.destroy();
});

test("a sender that does not finish its message in time is cut off", async () => {
  const { sender, receiver } = await pair();
  const clock = new VirtualClock();
  readMessages(receiver, clock, () => assert.fail("nothing was whole"));
  sender.write(Buffer.from([0]));
  await once(receiver, "data");
  await clock.advance(9_999);
  assert.equal(receiver.destroyed, false);
  await clock.advance(1);
  assert.equal(receiver.destroyed, true);
  sender.destroy();
});
