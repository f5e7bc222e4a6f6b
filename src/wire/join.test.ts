import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, connect, type Socket } from "node:net";
import { test } from "node:test";
import { join } from "./join.ts";

/** Both ends of a connection. */
async function pair(): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(address && typeof address === "object");
  const near = connect({ port: address.port, host: "127.0.0.1", allowHalfOpen: true });
  // The one argument of this event is a socket.
  const [far] = (await once(server, "connection")) as [Socket];
  server.close();
  for (const end of [near, far]) end.on("error", () => undefined);
  return [near, far];
}

for (const how of ["politely", "at once"] as const)
  test(`when a client leaves ${how}, the connection behind it ends, though that one goes on talking`, async () => {
    const [client, near] = await pair();
    const [far, program] = await pair();
    join(near, far);
    client.write("hello");
    await once(program, "data");
    const talking = setInterval(() => program.write("x".repeat(10_000)), 1);
    if (how === "politely") {
      client.end();
      client.once("end", () => undefined).resume();
      near.once("finish", () => undefined);
      near.destroySoon();
    } else client.resetAndDestroy();
    await once(far, "close");
    clearInterval(talking);
    program.destroy();
    client.destroy();
  });

test("a connection that is over before it is joined ends the other", async () => {
  const [client, near] = await pair();
  const [far, program] = await pair();
  client.destroy();
  near.destroy();
  await once(near, "close");
  join(near, far);
  if (!far.destroyed) await once(far, "close");
  program.destroy();
});
