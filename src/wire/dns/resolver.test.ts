/** Questions passed on to name servers of the test, on real sockets. */
import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { test } from "node:test";
import { decode, encode, type Answer } from "dns-packet";
import { machineClock } from "#base/clock.ts";
import { responseCode } from "./packet.ts";
import { Resolver } from "./resolver.ts";

const signal = new AbortController().signal;

interface NameServer extends Disposable {
  readonly address: string;
  readonly asked: () => number;
}

/** @param reply Undefined: never says anything. */
async function nameServer(reply?: { answers?: Answer[]; flags?: number }): Promise<NameServer> {
  const socket: Socket = createSocket("udp4");
  let asked = 0;
  socket.on("message", (bytes, from) => {
    asked += 1;
    if (!reply) return;
    const { id = 0, questions = [] } = decode(bytes);
    const flags = reply.flags ?? 0;
    socket.send(
      encode({ type: "response", id, flags, questions, answers: reply.answers ?? [] }),
      from.port,
      "127.0.0.1",
    );
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked: () => asked,
    [Symbol.dispose]: () => void socket.close(),
  };
}

const query = (id: number, name = "example.org"): Uint8Array =>
  encode({ type: "query", id, flags: 256, questions: [{ name, type: "A" }] });
const found: Answer[] = [{ type: "A", name: "example.org", ttl: 60, data: "192.0.2.7" }];

async function ask(resolver: Resolver, bytes: Uint8Array) {
  const reply = await resolver.resolve(bytes, { overTcp: false, signal });
  return reply && { ...decode(Buffer.from(reply)), code: responseCode(reply) };
}

test("an answer is asked for once and kept, each asker getting its own id and letters", async () => {
  using server = await nameServer({ answers: found });
  const resolver = new Resolver({ upstreams: () => [server.address], clock: machineClock });
  const [first, second] = await Promise.all([ask(resolver, query(1)), ask(resolver, query(2))]);
  const third = await ask(resolver, query(3, "EXAMPLE.org"));
  assert.deepEqual([first?.id, second?.id, third?.id], [1, 2, 3]);
  assert.equal(third?.questions?.[0]?.name, "EXAMPLE.org");
  assert.deepEqual(
    third?.answers?.map((one) => "data" in one && one.data),
    ["192.0.2.7"],
  );
  assert.equal(server.asked(), 1);
});

test("an answer without a time, and a refusal, are not kept", async () => {
  using server = await nameServer({ flags: 2 });
  const resolver = new Resolver({ upstreams: () => [server.address], clock: machineClock });
  await ask(resolver, query(1));
  assert.equal((await ask(resolver, query(2)))?.code, 2);
  assert.equal(server.asked(), 2);
});

test("a name server that says nothing is raced by the next one, and then left aside", async () => {
  using dead = await nameServer();
  using alive = await nameServer({ answers: found });
  const resolver = new Resolver({ upstreams: () => [dead.address, alive.address], clock: machineClock });
  for (const [at, name] of ["one.example", "two.example", "three.example"].entries())
    assert.equal((await ask(resolver, query(at, name)))?.code, 0);
  assert.deepEqual([dead.asked(), alive.asked()], [1, 3]);
});

test("a failure of one name server is given only when no other knows better", async () => {
  using failing = await nameServer({ flags: 2 });
  using alive = await nameServer({ answers: found });
  const both = new Resolver({ upstreams: () => [failing.address, alive.address], clock: machineClock });
  assert.equal((await ask(both, query(1)))?.code, 0);
});

test("without a name server there is no reply", async () => {
  assert.equal(await ask(new Resolver({ upstreams: () => [], clock: machineClock }), query(1)), undefined);
});
