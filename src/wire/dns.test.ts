/** The DNS server against real sockets: what it knows, what it passes on, and what does not fit. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { getEventListeners, once } from "node:events";
import { connect, createServer } from "node:net";
import { after, before, test } from "node:test";
import { decode, encode, type DecodedPacket, type RecordType } from "dns-packet";
import { silentLog } from "#base/log.ts";
import { serveDns, type DnsQuestion, type DnsRecord, type DnsReply } from "./dns.ts";
import { exchange, framed } from "./dns/exchange.ts";

const life = new AbortController();
const { signal } = life;
let port = 0;

const a = (name: string, data: string): DnsRecord => ({ type: "A", name, ttl: 5, data });
const answer = (answers: readonly DnsRecord[]): DnsReply => ({
  kind: "answer",
  code: "NOERROR",
  answers,
  authorities: [],
  additionals: [],
});
const many = Array.from({ length: 60 }, (_, at) => a("many.local", `10.0.0.${at}`));

function handle({ name, type }: DnsQuestion): DnsReply {
  if (name === "web.local") return answer(type === "A" ? [a(name, "10.0.0.1")] : []);
  if (name === "many.local") return answer(many);
  if (name === "both.local") return answer([a(name, "10.0.0.1"), a(name, "10.0.0.2")]);
  if (name === "broken.local") throw new Error("a bug of the zone");
  if (name === "alias.local") return answer([{ type: "CNAME", name, ttl: 5, data: "outside.example" }]);
  return { kind: "forward" };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  assert.ok(address !== null && typeof address === "object");
  return address.port;
}

before(async () => {
  port = await freePort();
  const upstream = createSocket("udp4");
  upstream.on("message", (bytes, { port: from }) => {
    const query = decode(bytes);
    const answers = (query.questions ?? []).map(({ name }) => a(name, "192.0.2.7"));
    upstream.send(encode({ ...query, type: "response", answers }), from, "127.0.0.1");
  });
  upstream.bind(0, "127.0.0.1");
  await once(upstream, "listening");
  signal.addEventListener("abort", () => upstream.close());
  const upstreams = (): readonly string[] => [`127.0.0.1:${upstream.address().port}`];
  const served = serveDns({ addresses: ["127.0.0.1"], port, handle, upstreams, log: silentLog }, signal);
  served.catch((error: unknown) => assert.fail(String(error)));
});

after(() => life.abort(new Error("the test is over")));

async function ask(name: string, type: RecordType, overTcp = false): Promise<DecodedPacket> {
  const query = encode({ type: "query", id: 7, flags: 256, questions: [{ name, type }] });
  return decode(Buffer.from(await exchange(query, `127.0.0.1:${port}`, { overTcp, signal })));
}

const addresses = ({ answers = [] }: DecodedPacket): unknown[] =>
  answers.map((one) => ("data" in one ? one.data : undefined));

test("a known name is answered, whatever its case", async () => {
  assert.deepEqual(addresses(await ask("WEB.local", "A")), ["10.0.0.1"]);
});

test("a name of the outside is passed on", async () => {
  assert.deepEqual(addresses(await ask("example.org", "A")), ["192.0.2.7"]);
});

test("an alias is answered with what it leads to", async () => {
  assert.deepEqual(addresses(await ask("alias.local", "A")), ["outside.example", "192.0.2.7"]);
});

test("what does not fit into a datagram is cut, and whole over TCP", async () => {
  const cut = await ask("many.local", "A");
  assert.deepEqual([cut.flag_tc, cut.answers?.length], [true, 0]);
  assert.equal((await ask("many.local", "A", true)).answers?.length, many.length);
});

test("an address list begins with another address each time, and an alias stays in front", async () => {
  const firsts = new Set<unknown>();
  for (let turn = 0; turn < 8; turn += 1) firsts.add(addresses(await ask("both.local", "A"))[0]);
  assert.deepEqual(firsts, new Set(["10.0.0.1", "10.0.0.2"]));
  assert.equal(addresses(await ask("alias.local", "A"))[0], "outside.example");
});

test("connections that came and went leave nothing behind", async () => {
  const before = getEventListeners(signal, "abort").length;
  for (let count = 0; count < 30; count += 1) await ask("web.local", "A", true);
  assert.equal(getEventListeners(signal, "abort").length, before);
});

test("one sender has no more than its share of the connections, and others are still answered", async () => {
  const held = Array.from({ length: 40 }, () => connect({ host: "127.0.0.1", port }));
  try {
    const refused = await new Promise<number>((resolve) => {
      let closed = 0;
      for (const socket of held) socket.on("close", () => (closed += 1) === 20 && resolve(closed)).resume();
    });
    assert.equal(refused, 20);
    const query = encode({ type: "query", id: 7, questions: [{ name: "web.local", type: "A" }] });
    const other = connect({ host: "127.0.0.1", port, localAddress: "127.0.0.2" }, () => other.write(framed(query)));
    const [reply] = (await once(other, "data")) as [Buffer];
    assert.ok(reply.length > 2);
    other.destroy();
  } finally {
    for (const socket of held) socket.destroy();
  }
});

test("what is no query and what makes the handler fail does not end the server", async () => {
  const udp = createSocket("udp4");
  const bytes = [Buffer.alloc(0), Buffer.from("x"), Buffer.alloc(12), Buffer.alloc(600, 0xc0)];
  for (const message of bytes) udp.send(message, port, "127.0.0.1");
  udp.send(encode({ type: "query", id: 7, questions: [{ name: "broken.local", type: "A" }] }), port, "127.0.0.1");
  assert.deepEqual(addresses(await ask("web.local", "A")), ["10.0.0.1"]);
  udp.close();
});
