/** Short questions to a server: an HTTP GET, a TCP connection, and the gRPC health check, each within a time. */
import { request as requestHttp, type IncomingMessage } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { request as requestHttps } from "node:https";
import { connect } from "node:net";
import { ProtobufReader, ProtobufWriter } from "#base/protobuf.ts";

const bodyBytesMax = 10 * 1024;
const redirectsMax = 10;
// An answer is two bytes and five before them. What asks is as near as the node's own memory.
const healthBytesMax = 4096;

interface Target {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
}

interface HttpQuestion {
  readonly method: "GET";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/** Certificates are not verified: the caller asks whether a server answers, not who it is. */
export async function askHttp(
  question: HttpQuestion,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly body: string }> {
  const within = AbortSignal.any([signal, AbortSignal.timeout(question.timeoutMs)]);
  let url = new URL(question.url);
  for (let redirects = 0; ; redirects += 1) {
    const response = await askOnce(url, question, within);
    const status = response.statusCode ?? 0;
    const { location } = response.headers;
    if (status >= 300 && status < 400 && location !== undefined) {
      const next = new URL(location, url);
      response.destroy();
      // A redirect to another host counts as an answer: who is there is none of our business.
      if (next.hostname !== url.hostname) return { status, body: "" };
      if (redirects === redirectsMax) throw new Error(`stopped after ${redirectsMax} redirects`);
      url = next;
    } else return { status, body: await startOf(response) };
  }
}

function askOnce(url: URL, question: HttpQuestion, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = { method: question.method, headers: question.headers, signal, agent: false } as const;
    const sent =
      url.protocol === "https:"
        ? requestHttps(url, { ...options, rejectUnauthorized: false }, resolve)
        : requestHttp(url, options, resolve);
    sent.once("error", (error) => reject(signal.aborted ? tookTooLong(url.host, question.timeoutMs) : error));
    sent.end();
  });
}

async function startOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response) {
      // Holds because no encoding was set on the stream.
      const bytes = chunk as Buffer;
      chunks.push(bytes);
      size += bytes.length;
      if (size >= bodyBytesMax) break;
    }
  } finally {
    response.destroy();
  }
  return Buffer.concat(chunks).subarray(0, bodyBytesMax).toString("utf8");
}

const tookTooLong = (what: string, timeoutMs: number): Error =>
  new Error(`no answer from ${what} within ${timeoutMs} ms`);

/** Connects and leaves. */
export function askTcp(target: Target, signal: AbortSignal): Promise<void> {
  const { host, port, timeoutMs } = target;
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal });
    socket.setTimeout(timeoutMs, () => socket.destroy(tookTooLong(`${host}:${port}`, timeoutMs)));
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.destroy();
      resolve();
    });
  });
}

const servingStatus = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"] as const;

/** @see https://github.com/grpc/grpc/blob/master/doc/health-checking.md */
export function askGrpcHealth(target: Target & { readonly service: string }, signal: AbortSignal): Promise<string> {
  const { host, port, timeoutMs, service } = target;
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`http://${host.includes(":") ? `[${host}]` : host}:${port}`);
    const within = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const fail = (error: Error): void => {
      session.destroy();
      reject(within.aborted ? tookTooLong(`${host}:${port}`, timeoutMs) : error);
    };
    session.once("error", fail);
    const stream = session.request(
      {
        ":method": "POST",
        ":path": "/grpc.health.v1.Health/Check",
        "content-type": "application/grpc",
        te: "trailers",
        "user-agent": "kube-probe",
      },
      { signal: within },
    );
    const chunks: Buffer[] = [];
    let status = "";
    stream.once("error", fail);
    const note = (headers: Readonly<Record<string, unknown>>): void => {
      if (typeof headers["grpc-status"] === "string") status = headers["grpc-status"];
    };
    stream.once("response", note);
    stream.once("trailers", note);
    let size = 0;
    stream.on("data", (chunk: Buffer) => {
      size += chunk.length;
      chunks.push(chunk);
      if (size > healthBytesMax)
        fail(new Error(`expected a health check's answer of at most ${healthBytesMax} bytes, found more`));
    });
    stream.once("end", () => {
      session.close();
      if (status === "0") resolve(servingStatusOf(Buffer.concat(chunks)));
      else reject(new Error(`the health check of ${host}:${port} ended with gRPC status ${status || "unknown"}`));
    });
    stream.end(framed(service));
  });
}

/** A gRPC message: a flag, its length, and here one string. */
function framed(service: string): Uint8Array {
  const writer = new ProtobufWriter(64);
  if (service !== "") writer.string(1, service);
  const message = writer.finish();
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function servingStatusOf(frame: Buffer): string {
  const reader = new ProtobufReader(frame.subarray(5));
  let value = 0;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag())
    if (tag >> 3 === 1) value = reader.int32();
    else reader.skip(tag);
  return servingStatus[value] ?? "UNKNOWN";
}
