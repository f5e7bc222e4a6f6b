/**
 * DNS over UDP and TCP: a server that asks a handler, and passes on to other servers what the handler does not know.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1035
 */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { connect, createServer, type Socket as TcpSocket } from "node:net";
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
import { deadline, machineClock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";

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
const upstreamTimeoutMs = 2_000;
// Beyond these, queries are dropped: their senders ask again.
const forwardsMax = 1_000;
const tcpConnectionsMax = 100;
const tcpIdleMs = 10_000;
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
  private forwards = 0;

  constructor(options: DnsServerOptions, signal: AbortSignal) {
    this.options = options;
    this.signal = signal;
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
  }

  close(): void {
    for (const close of this.closers) close();
  }

  private overUdp({
    udp,
    query,
    sender,
  }: {
    readonly udp: Socket;
    readonly query: Buffer;
    readonly sender: RemoteInfo;
  }): void {
    const send = (reply: Uint8Array): void => udp.send(reply, sender.port, sender.address, () => undefined);
    this.answer(query, { overTcp: false, send });
  }

  private overTcp(socket: TcpSocket): void {
    let pending = Buffer.alloc(0);
    socket.setTimeout(tcpIdleMs, () => socket.destroy());
    this.signal.addEventListener("abort", () => socket.destroy(), { once: true });
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        const end = 2 + pending.readUInt16BE(0);
        this.answer(pending.subarray(2, end), { overTcp: true, send: (reply) => socket.write(framed(reply)) });
        pending = pending.subarray(end);
      }
    });
  }

  private answer(bytes: Buffer, route: Route): void {
    const query = tryDecode(bytes);
    const asked = query?.questions?.[0];
    if (!query || query.type !== "query" || !asked) return;
    const reply = this.options.handle({ name: asked.name.toLowerCase().replace(/\.$/, ""), type: asked.type });
    if (reply.kind === "forward") void this.forward(bytes, query, route);
    else if (aliasOf(reply, asked.type) === undefined) route.send(encodeReply(query, reply, route.overTcp));
    else void this.followed(reply, asked.type).then((whole) => route.send(encodeReply(query, whole, route.overTcp)));
  }

  /** An alias with what it leads to, because few clients ask on by themselves. Never rejects. */
  private async followed(reply: DnsAnswer, type: string): Promise<DnsAnswer> {
    const target = aliasOf(reply, type) ?? "";
    const own = this.options.handle({ name: target.toLowerCase().replace(/\.$/, ""), type });
    if (own.kind === "answer") return { ...reply, answers: [...reply.answers, ...own.answers] };
    if (this.forwards >= forwardsMax) return reply;
    this.forwards += 1;
    try {
      // Holds because the type was read from a query.
      const question = { name: target, type: type as Question["type"] };
      const bytes = encode({ type: "query", id: aliasQueryId, flags: recursionDesired, questions: [question] });
      for (const upstream of this.options.upstreams()) {
        const found = await exchange(bytes, upstream, { overTcp: false, signal: this.signal }).catch(() => undefined);
        const answers = found === undefined ? undefined : tryDecode(Buffer.from(found))?.answers;
        if (answers) return { ...reply, answers: [...reply.answers, ...answers.filter(isAddressing)] };
      }
      return reply;
    } finally {
      this.forwards -= 1;
    }
  }

  private async forward(bytes: Buffer, query: DecodedPacket, route: Route): Promise<void> {
    if (this.forwards >= forwardsMax) return;
    this.forwards += 1;
    try {
      for (const upstream of this.options.upstreams()) {
        const reply = await exchange(bytes, upstream, { overTcp: route.overTcp, signal: this.signal }).catch(
          () => undefined,
        );
        if (reply) {
          route.send(reply);
          return;
        }
      }
      route.send(
        encodeReply(query, { kind: "answer", code: "SERVFAIL", answers: [], authorities: [], additionals: [] }, true),
      );
    } finally {
      this.forwards -= 1;
    }
  }
}

type DnsAnswer = Extract<DnsReply, { kind: "answer" }>;

// Each of these queries has a socket of its own, whose random port tells replies apart.
const aliasQueryId = 1;

/** Where an answer that is an alias only leads, when addresses were asked for. */
function aliasOf({ answers }: DnsAnswer, type: string): string | undefined {
  const [only] = answers;
  return (type === "A" || type === "AAAA") && only?.type === "CNAME" && answers.length === 1 ? only.data : undefined;
}

function isAddressing(answer: Answer): answer is StringAnswer {
  return answer.type === "A" || answer.type === "AAAA" || answer.type === "CNAME";
}

interface Route {
  readonly overTcp: boolean;
  readonly send: (reply: Uint8Array) => void;
}

function tryDecode(bytes: Buffer): DecodedPacket | undefined {
  try {
    return decode(bytes);
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

function framed(message: Uint8Array): Uint8Array {
  const frame = Buffer.alloc(2 + message.length);
  frame.writeUInt16BE(message.length);
  frame.set(message, 2);
  return frame;
}

/** Sends a query as it is and gives back the reply as it came. @throws Error when there is none in time. */
export async function exchange(
  query: Uint8Array,
  upstream: string,
  options: { readonly overTcp: boolean; readonly signal: AbortSignal },
): Promise<Uint8Array> {
  const [host = "", port = "53"] = upstream.split(":");
  using limit = deadline(machineClock, upstreamTimeoutMs, options.signal);
  return options.overTcp
    ? await exchangeTcp(query, { host, port: Number(port) }, limit.signal)
    : await exchangeUdp(query, { host, port: Number(port) }, limit.signal);
}

interface Endpoint {
  readonly host: string;
  readonly port: number;
}

function exchangeUdp(query: Uint8Array, { host, port }: Endpoint, signal: AbortSignal): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    // A socket of its own for each query: its random port is what makes replies hard to forge.
    const socket = createSocket("udp4");
    const finish = (act: () => void): void => {
      signal.removeEventListener("abort", onAbort);
      socket.close();
      act();
    };
    const onAbort = (): void => finish(() => reject(new Error(`no reply from ${host}:${port}`)));
    signal.addEventListener("abort", onAbort, { once: true });
    socket.on("error", (error) => finish(() => reject(error)));
    socket.on("message", (reply) => {
      if (reply.length >= 2 && reply[0] === query[0] && reply[1] === query[1]) finish(() => resolve(reply));
    });
    socket.connect(port, host, () => socket.send(query));
  });
}

function exchangeTcp(query: Uint8Array, { host, port }: Endpoint, signal: AbortSignal): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    let pending = Buffer.alloc(0);
    const socket = connect({ host, port, signal }, () => socket.write(framed(query)));
    socket.on("error", reject);
    socket.on("close", () => reject(new Error(`connection closed by ${host}:${port}`)));
    socket.on("data", (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      if (pending.length < 2 || pending.length < 2 + pending.readUInt16BE(0)) return;
      resolve(pending.subarray(2, 2 + pending.readUInt16BE(0)));
      socket.destroy();
    });
  });
}
