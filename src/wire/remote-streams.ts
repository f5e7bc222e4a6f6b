/**
 * The Kubernetes remote command protocol (exec, attach) as streams, whatever carries it: WebSocket with
 * `v5.channel.k8s.io` and its elders, or SPDY with `v4.channel.k8s.io`. A `RemoteSession` is the end that runs the
 * command, a `RemoteCommand` the end that asked for it; `bridge` joins a client's session to a runtime's command.
 *
 * @see https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/4006-transition-spdy-to-websockets
 */
import type { Duplex, Readable, Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { messageOf } from "#base/assert.ts";
import { utf8 } from "#base/bytes.ts";
import type { HttpClient } from "./http-client.ts";
import type { Exchange } from "./http.ts";
import { acceptSpdy, dialSpdy, streamProtocol } from "./remote/spdy-upgrade.ts";
import type { SpdyStream } from "./spdy.ts";
import { WebSocketChannels } from "./websocket/channels.ts";
import { acceptWebSocket } from "./websocket.ts";

export interface RemoteWants {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** With a terminal there are sizes to be told, and no stderr of its own. */
  readonly tty: boolean;
}

/** The end that runs the command. Streams are undefined when they were not wanted. */
export interface RemoteSession {
  /** Ends when the client closes its input. */
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  /** Terminal sizes as JSON objects with Width and Height, one after another. */
  readonly resize: Readable | undefined;
  /** Aborted when the connection is over. */
  readonly signal: AbortSignal;
  /** Sends what is still under way, then the outcome (a `Status` in JSON), and ends the connection. */
  exit(status: Uint8Array): Promise<void>;
}

/** The end that asked for the command. */
export interface RemoteCommand {
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  readonly resize: Writable | undefined;
  /** The outcome, a `Status` in JSON. Rejects when the connection ends without one. */
  readonly status: Promise<Uint8Array>;
  close(): void;
}

const channelNumbers = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;
type ChannelName = keyof typeof channelNumbers;

const webSocketProtocols = [
  "v5.channel.k8s.io",
  "v4.channel.k8s.io",
  "v4.base64.channel.k8s.io",
  // Before version 4 the outcome is plain text, and nothing when all went well.
  "channel.k8s.io",
  "base64.channel.k8s.io",
  "",
];
const streamsWaitMs = 30_000;
const statusBytesMax = 64 * 1024;

/**
 * Switches protocols and waits for the client's streams.
 *
 * @throws UpgradeRefusedError while the exchange can still be answered, Error when the client's streams do not come.
 */
export async function acceptRemoteSession(exchange: Exchange, wants: RemoteWants): Promise<RemoteSession> {
  const names = wantedStreams(wants);
  return exchange.upgrade?.protocol === "websocket"
    ? await acceptOverWebSocket(exchange, names)
    : await acceptOverSpdy(exchange, names);
}

export interface RemoteDialOptions {
  /** Path and query at the client's server. */
  readonly target: string;
  readonly wants: RemoteWants;
  /** Limits the handshake only; `close` ends the command. */
  readonly signal: AbortSignal;
}

/** Asks a container runtime or a kubelet, over SPDY, which alone can close the input and read on. */
export async function dialRemoteCommand(client: HttpClient, options: RemoteDialOptions): Promise<RemoteCommand> {
  const { target, wants, signal } = options;
  const connection = await dialSpdy(client, { target, protocol: streamProtocol.remoteCommand, signal });
  const open = (name: ChannelName, wanted: boolean): SpdyStream | undefined =>
    wanted ? connection.open({ streamtype: name }) : undefined;
  const status = outcome(connection.open({ streamtype: "error" }));
  // Whoever waits for the outcome hears of a failure; it is no failure of the process when nobody does.
  status.catch(() => undefined);
  return {
    status,
    stdin: open("stdin", wants.stdin),
    stdout: open("stdout", wants.stdout),
    stderr: open("stderr", wants.stderr && !wants.tty),
    resize: open("resize", wants.tty),
    close: () => connection.close(),
  };
}

/** Carries everything between a client and the command it asked for, until the command ends or the client leaves. */
export async function bridge(session: RemoteSession, command: RemoteCommand): Promise<void> {
  const leave = (): void => command.close();
  session.signal.addEventListener("abort", leave, { once: true });
  if (session.signal.aborted) leave();
  if (session.stdin && command.stdin) session.stdin.pipe(command.stdin);
  if (session.resize && command.resize) session.resize.pipe(command.resize);
  if (session.stdout) command.stdout?.pipe(session.stdout, { end: false });
  if (session.stderr) command.stderr?.pipe(session.stderr, { end: false });
  let status: Uint8Array;
  try {
    status = await command.status;
    await Promise.all([command.stdout, command.stderr].map((stream) => readWhole(stream)));
  } catch (error) {
    status = internalError(messageOf(error));
  }
  await session.exit(status);
  command.close();
}

/** A readable end that is over, well or not: how the command went is said by its status. */
async function readWhole(stream: Readable | undefined): Promise<void> {
  if (stream) await finished(stream, { writable: false }).catch(() => undefined);
}

function wantedStreams(wants: RemoteWants): ChannelName[] {
  const names: ChannelName[] = ["error"];
  if (wants.stdin) names.push("stdin");
  if (wants.stdout) names.push("stdout");
  if (wants.stderr && !wants.tty) names.push("stderr");
  if (wants.tty) names.push("resize");
  return names;
}

async function acceptOverWebSocket(exchange: Exchange, names: readonly ChannelName[]): Promise<RemoteSession> {
  const accepted = await acceptWebSocket(exchange, webSocketProtocols);
  const channels = new WebSocketChannels(accepted);
  const streams = new Map<ChannelName, Duplex>();
  for (const name of names) streams.set(name, channels.open(channelNumbers[name]));
  // Upstream tells the client that the session stands by an empty message on its first channel to read.
  const first = names.includes("stdout") ? "stdout" : names.includes("stderr") ? "stderr" : "error";
  channels.send(channelNumbers[first], new Uint8Array(), () => undefined);
  const plainStatus = !/^v[45]\./.test(accepted.protocol);
  return sessionOf(streams, { plainStatus, closed: channels.closed, close: () => channels.close() });
}

async function acceptOverSpdy(exchange: Exchange, names: readonly ChannelName[]): Promise<RemoteSession> {
  const connection = acceptSpdy(exchange, streamProtocol.remoteCommand);
  const streams = new Map<ChannelName, Duplex>();
  const complete = Promise.withResolvers<void>();
  connection.onStream = (stream) => {
    const name = names.find((known) => known === stream.headers["streamtype"]);
    if (name === undefined || streams.has(name)) {
      stream.destroy();
      return;
    }
    streams.set(name, stream);
    if (streams.size === names.length) complete.resolve();
  };
  const refuse = (when: string): void => {
    const found = [...streams.keys()].join(", ");
    complete.reject(new Error(`expected the streams ${names.join(", ")} of the client, found "${found}" ${when}`));
  };
  const wait = setTimeout(() => refuse(`after ${streamsWaitMs} ms`), streamsWaitMs);
  void connection.closed.then(() => refuse("when the connection ended"));
  try {
    await complete.promise;
  } catch (error) {
    connection.close();
    throw error;
  } finally {
    clearTimeout(wait);
  }
  return sessionOf(streams, { plainStatus: false, closed: connection.closed, close: () => connection.close() });
}

interface Carrier {
  /** True when the client wants the outcome as text. */
  readonly plainStatus: boolean;
  readonly closed: Promise<void>;
  readonly close: () => void;
}

function sessionOf(streams: ReadonlyMap<ChannelName, Duplex>, carrier: Carrier): RemoteSession {
  const gone = new AbortController();
  void carrier.closed.then(() => gone.abort(new Error("the client closed the connection")));
  const exit = async (status: Uint8Array): Promise<void> => {
    // Nobody reads these any more; unread input must not hold up the connection's end.
    streams.get("stdin")?.resume();
    streams.get("resize")?.resume();
    const error = streams.get("error");
    const bytes = carrier.plainStatus ? plainStatus(status) : status;
    if (bytes.length > 0) error?.write(bytes);
    const written = (["stdout", "stderr", "error"] as const).map(async (name) => {
      const stream = streams.get(name);
      stream?.end();
      // A client that left does not need to hear the rest.
      if (stream) await finished(stream, { readable: false }).catch(() => undefined);
    });
    await Promise.race([Promise.all(written), carrier.closed]);
    carrier.close();
  };
  return {
    stdin: streams.get("stdin"),
    stdout: streams.get("stdout"),
    stderr: streams.get("stderr"),
    resize: streams.get("resize"),
    signal: gone.signal,
    exit,
  };
}

async function outcome(error: Readable): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of error) {
    // The stream has no encoding set, so its chunks are buffers.
    const bytes = chunk as Buffer;
    sizeBytes += bytes.length;
    if (sizeBytes > statusBytesMax) throw new Error(`expected an outcome of at most ${statusBytesMax} bytes`);
    chunks.push(bytes);
  }
  if (sizeBytes === 0) throw new Error("expected the command's outcome, found the end of the connection");
  return Buffer.concat(chunks);
}

/** What clients before version 4 expect: the message of a failure. */
function plainStatus(status: Uint8Array): Uint8Array {
  // Both runtime and kubelet write a Status here; its fields are checked before they are used.
  const { status: word, message } = JSON.parse(Buffer.from(status).toString()) as Record<string, unknown>;
  return word === "Success" ? new Uint8Array() : utf8(typeof message === "string" ? message : "command failed");
}

function internalError(message: string): Uint8Array {
  const status = { metadata: {}, status: "Failure", message, reason: "InternalError", code: 500 };
  return utf8(JSON.stringify(status));
}

export { UpgradeRefusedError } from "./websocket.ts";
