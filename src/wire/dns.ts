/**
 * DNS over UDP and TCP: a server that asks a handler, and passes on to other servers what the handler does not know.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1035
 */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { createServer, type Socket as TcpSocket } from "node:net";
import {
  decode,
  encode,
  type Answer,
  type Question,
  type DecodedPacket,
  type Packet,
  type SoaAnswer,
  type SrvAnswer,
  type StringAnswer,
  type TxtAnswer,
} from "dns-packet";
import { messageOf } from "#base/assert.ts";
import { machineClock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import { framed } from "./dns/exchange.ts";
import { Resolver } from "./dns/resolver.ts";
import { Shares } from "./dns/shares.ts";
import { readMessages } from "./dns/stream.ts";

export interface DnsQuestion {
  /** In lower case, without the last dot. */
  readonly name: string;
  /** "A", "AAAA", "SRV", "PTR", … */
  readonly type: string;
}

/** A and AAAA with an address, CNAME and PTR with a name, and what they are. */
export type DnsRecord = StringAnswer | SrvAnswer | SoaAnswer | TxtAnswer;

export type DnsReply =
  | {
      readonly kind: "answer";
      readonly code: "NOERROR" | "NXDOMAIN" | "SERVFAIL";
      readonly answers: readonly DnsRecord[];
      readonly authorities: readonly DnsRecord[];
      readonly additionals: readonly DnsRecord[];
    }
  /** Not ours: ask these servers, one after another. */
  | { readonly kind: "forward" };

export interface DnsServerOptions {
  /** Addresses to listen on, UDP and TCP. */
  readonly addresses: readonly string[];
  readonly port: number;
  readonly handle: (question: DnsQuestion) => DnsReply;
  /** Servers to pass on to, "address" or "address:port"; read at each use. */
  readonly upstreams: () => readonly string[];
  readonly log: Log;
}

const udpBytesDefault = 512;
const udpBytesMax = 4096;
// Of all senders, and of one of them, which never takes what the others need.
const tcpConnectionsMax = 200;
const tcpConnectionsOfOneMax = 20;
const forwardsOfOneMax = 200;
const queriesOfOneMax = 10_000;
const responseCodes: Readonly<Record<string, number>> = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 };
const authoritative = 1 << 10;
const recursionAvailable = 1 << 7;
const recursionDesired = 1 << 8;
const truncated = 1 << 9;

/** Serves until the signal is aborted. @throws Error when an address cannot be bound. */
export async function serveDns(options: DnsServerOptions, signal: AbortSignal): Promise<void> {
  const server = new DnsServer(options, signal);
  try {
    await Promise.all(options.addresses.map((address) => server.listen(address)));
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  } finally {
    server.close();
  }
}

class DnsServer {
  private readonly options: DnsServerOptions;
  private readonly signal: AbortSignal;
  private readonly closers: (() => void)[] = [];
  private readonly resolver: Resolver;
  // Invariant: only those that are open.
  private readonly connections = new Set<TcpSocket>();
  private readonly connectionShares = new Shares(tcpConnectionsOfOneMax);
  private readonly forwardShares = new Shares(forwardsOfOneMax);
  private readonly queryShares = new Shares(queriesOfOneMax);
  private second = 0;
  // Counts answers, so that those with several addresses begin with another one each time.
  private turn = 0;

  constructor(options: DnsServerOptions, signal: AbortSignal) {
    this.options = options;
    this.signal = signal;
    this.resolver = new Resolver({ upstreams: options.upstreams, clock: machineClock });
  }

  async listen(address: string): Promise<void> {
    const udp = createSocket("udp4");
    this.closers.push(() => udp.close());
    udp.on("message", (query, sender) => this.overUdp({ udp, query, sender }));
    udp.on("error", (error) => this.options.log.warn("DNS socket failed", { error: error.message }));
    await new Promise<void>((resolve, reject) => {
      udp.once("error", reject);
      udp.bind(this.options.port, address, resolve);
    });
    const tcp = createServer({ noDelay: true }, (socket) => this.overTcp(socket));
    tcp.maxConnections = tcpConnectionsMax;
    this.closers.push(() => tcp.close());
    await new Promise<void>((resolve, reject) => {
      tcp.once("error", reject);
      tcp.listen(this.options.port, address, resolve);
    });
    tcp.on("error", (error) => this.options.log.warn("DNS socket failed", { error: error.message }));
  }

  close(): void {
    for (const close of this.closers) close();
    for (const socket of this.connections) socket.destroy();
  }

  private overUdp({ udp, query, sender }: Datagram): void {
    if (!this.admits(sender.address)) return;
    const send = (reply: Uint8Array): void => udp.send(reply, sender.port, sender.address, () => undefined);
    this.answer(query, { overTcp: false, sender: sender.address, send });
  }

  private overTcp(socket: TcpSocket): void {
    const sender = socket.remoteAddress ?? "";
    if (!this.connectionShares.take(sender)) {
      socket.destroy();
      return;
    }
    this.connections.add(socket);
    socket.once("close", () => {
      this.connections.delete(socket);
      this.connectionShares.give(sender);
    });
    const send = (reply: Uint8Array): void => void (socket.destroyed || socket.write(framed(reply)));
    readMessages(socket, machineClock, (message) => {
      if (this.admits(sender)) this.answer(message, { overTcp: true, sender, send });
    });
  }

  /** False for what one sender asks beyond its share of this second. */
  private admits(sender: string): boolean {
    const second = Math.floor(machineClock.monotonicMs() / 1000);
    if (second !== this.second) {
      this.second = second;
      this.queryShares.clear();
    }
    return this.queryShares.take(sender);
  }

  /** Never throws: what a stranger sends must not reach the process. */
  private answer(bytes: Uint8Array, route: Route): void {
    try {
      const query = tryDecode(bytes);
      const asked = query?.questions?.[0];
      if (!query || query.type !== "query" || !asked) return;
      const reply = this.options.handle({ name: asked.name.toLowerCase().replace(/\.$/, ""), type: asked.type });
      if (reply.kind === "forward") void this.forward(bytes, query, route);
      else if (aliasOf(reply, asked.type) === undefined) this.send(query, reply, route);
      else void this.follow(query, { reply, type: asked.type }, route);
    } catch (error) {
      this.options.log.debug("a DNS query was not answered", { error: messageOf(error) });
    }
  }

  private send(query: DecodedPacket, reply: DnsAnswer, route: Route): void {
    this.turn = (this.turn + 1) % 65_536;
    const answers = turned(reply.answers, this.turn);
    route.send(encodeReply(query, { ...reply, answers }, route.overTcp));
  }

  /** An alias with what it leads to, because few clients ask on by themselves. Never rejects. */
  private async follow(query: DecodedPacket, alias: Alias, route: Route): Promise<void> {
    try {
      this.send(query, await this.followed(alias, route), route);
    } catch (error) {
      this.options.log.debug("an alias was not answered", { error: messageOf(error) });
    }
  }

  private async followed({ reply, type }: Alias, route: Route): Promise<DnsAnswer> {
    const target = aliasOf(reply, type) ?? "";
    const own = this.options.handle({ name: target.toLowerCase().replace(/\.$/, ""), type });
    if (own.kind === "answer") return { ...reply, answers: [...reply.answers, ...own.answers] };
    // Holds because the type was read from a query.
    const question = { name: target, type: type as Question["type"] };
    const bytes = encode({ type: "query", id: aliasQueryId, flags: recursionDesired, questions: [question] });
    const found = await this.resolve(bytes, { ...route, overTcp: false });
    const answers = found === undefined ? undefined : tryDecode(found)?.answers;
    return answers ? { ...reply, answers: [...reply.answers, ...answers.filter(isAddressing)] } : reply;
  }

  /** Never rejects. */
  private async forward(bytes: Uint8Array, query: DecodedPacket, route: Route): Promise<void> {
    try {
      const reply = await this.resolve(bytes, route);
      if (this.signal.aborted) return;
      route.send(reply ?? encodeReply(query, serverFailure, route.overTcp));
    } catch (error) {
      this.options.log.debug("a DNS query was not passed on", { error: messageOf(error) });
    }
  }

  private async resolve(bytes: Uint8Array, { sender, overTcp }: Route): Promise<Uint8Array | undefined> {
    if (!this.forwardShares.take(sender)) return undefined;
    try {
      return await this.resolver.resolve(bytes, { overTcp, signal: this.signal });
    } finally {
      this.forwardShares.give(sender);
    }
  }
}

type DnsAnswer = Extract<DnsReply, { kind: "answer" }>;

interface Datagram {
  readonly udp: Socket;
  readonly query: Buffer;
  readonly sender: RemoteInfo;
}

interface Alias {
  readonly reply: DnsAnswer;
  readonly type: string;
}

interface Route {
  readonly overTcp: boolean;
  /** The asker's address. */
  readonly sender: string;
  readonly send: (reply: Uint8Array) => void;
}

const serverFailure: DnsAnswer = { kind: "answer", code: "SERVFAIL", answers: [], authorities: [], additionals: [] };

// Each of these queries has a socket of its own, whose random port tells replies apart.
const aliasQueryId = 1;

/** Where an answer that is an alias only leads, when addresses were asked for. */
function aliasOf({ answers }: DnsAnswer, type: string): string | undefined {
  const [only] = answers;
  return (type === "A" || type === "AAAA") && only?.type === "CNAME" && answers.length === 1 ? only.data : undefined;
}

/** The answers beginning with another one each turn, unless an alias leads them: clients take the first. */
function turned(answers: readonly DnsRecord[], turn: number): readonly DnsRecord[] {
  if (answers.length < 2 || answers[0]?.type === "CNAME") return answers;
  const from = turn % answers.length;
  return [...answers.slice(from), ...answers.slice(0, from)];
}

function isAddressing(answer: Answer): answer is StringAnswer {
  return answer.type === "A" || answer.type === "AAAA" || answer.type === "CNAME";
}

function tryDecode(bytes: Uint8Array): DecodedPacket | undefined {
  try {
    return decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch {
    // What is not DNS gets no answer: its sender may be forged.
    return undefined;
  }
}

function encodeReply(query: DecodedPacket, reply: Extract<DnsReply, { kind: "answer" }>, overTcp: boolean): Uint8Array {
  const edns = query.additionals?.find((one) => one.type === "OPT");
  const sizeMax = overTcp
    ? 65_535
    : Math.min(Math.max(edns?.udpPayloadSize ?? udpBytesDefault, udpBytesDefault), udpBytesMax);
  const flags =
    authoritative | recursionAvailable | ((query.flags ?? 0) & recursionDesired) | (responseCodes[reply.code] ?? 0);
  const packet: Packet = {
    type: "response",
    id: query.id ?? 0,
    flags,
    questions: query.questions ?? [],
    answers: [...reply.answers],
    authorities: [...reply.authorities],
    additionals: [...reply.additionals, ...(edns ? [{ ...edns, udpPayloadSize: udpBytesMax, options: [] }] : [])],
  };
  const whole = encode(packet);
  if (whole.length <= sizeMax) return whole;
  return encode({
    ...packet,
    flags: flags | truncated,
    answers: [],
    additionals: edns ? [{ ...edns, options: [] }] : [],
  });
}
