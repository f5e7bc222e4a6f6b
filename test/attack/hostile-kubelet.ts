/**
 * A kubelet that means harm. Runs in a process of its own until its input ends: joins with the token, prints the
 * certificate it was given, and answers each request with the mischief that its first line names.
 */
import { request } from "node:https";
import { createServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { JoinAnswer } from "#distro/server/join.ts";
import { createRequest, newKey } from "#wire/x509.ts";

export interface HostileKubelet {
  readonly nodeName: string;
  readonly token: string;
  /** Of this node. */
  readonly address: string;
  /** Address of the API, as this node reaches it. */
  readonly api: string;
  /** A server on the loopback of the API's machine. */
  readonly bait: string;
}

export const kubeletPort = 10_250;
/** Takes connections, and never says a word of TLS. */
export const mutePort = 10_251;
/** Begins a handshake of TLS, and never ends it. */
export const slowPort = 10_252;
export const honestWords = "said by the kubelet";

const trickleMs = 500;

/** Writes the same for as long as somebody takes it. */
function flood(socket: Socket, text: string | Uint8Array): void {
  const write = (): void => {
    while (!socket.destroyed && socket.write(text));
  };
  socket.on("drain", write);
  write();
}

/** The protocol that a request wants to go on in; undefined for none. */
function asked(head: string): string | undefined {
  return /^upgrade: *(\S+)/im.exec(head)?.[1];
}

function switchTo(socket: Socket, protocol: string): void {
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${protocol}\r\n\r\n`);
}

type Mischief = (socket: Socket, head: string, kubelet: HostileKubelet) => void;

function redirect(socket: Socket, location: string): void {
  socket.end(`HTTP/1.1 302 Found\r\nlocation: ${location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
}

export const mischief = {
  honest: (socket, head) => {
    const protocol = asked(head);
    if (protocol === undefined)
      socket.end(`HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n${honestWords}`);
    else {
      switchTo(socket, protocol);
      socket.end(honestWords);
    }
  },
  silence: () => undefined,
  "endless-head": (socket) => {
    socket.write("HTTP/1.1 200 OK\r\n");
    flood(socket, `a: ${"b".repeat(1_000)}\r\n`);
  },
  "interim-replies": (socket) => flood(socket, "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(100)),
  "endless-body": (socket) => {
    socket.write("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n");
    flood(socket, "x".repeat(64 * 1024));
  },
  "redirect-to-loopback": (socket, _, { bait }) => redirect(socket, bait),
  "redirect-to-the-api": (socket, _, { api }) => redirect(socket, `${api}/api/v1/secrets`),
  // Where a switch was asked for, to something else.
  "unasked-switch": (socket) => {
    switchTo(socket, "evil/1");
    socket.write(honestWords);
  },
  garbage: (socket, head) => {
    switchTo(socket, asked(head) ?? "SPDY/3.1");
    // A frame of control, and one of a WebSocket, with lengths that are not meant; then anything.
    flood(socket, Buffer.from(`80030001ffffffff8aff7fffffffffffffff${"00ff".repeat(4_096)}`, "hex"));
  },
} as const satisfies Readonly<Record<string, Mischief>>;

function act(socket: Socket, kubelet: HostileKubelet): void {
  let head = "";
  socket.on("error", () => undefined);
  const hear = (chunk: Buffer): void => {
    head += chunk.toString("latin1");
    if (!head.includes("\r\n\r\n")) return;
    socket.off("data", hear);
    socket.resume();
    const [line = ""] = head.split("\r\n");
    const all: readonly (readonly [string, Mischief])[] = Object.entries(mischief);
    const named = all.find(([name]) => line.includes(name));
    if (named) named[1](socket, head, kubelet);
    else socket.end("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
  };
  socket.on("data", hear);
}

function joinCluster({ api, token, nodeName, address }: HostileKubelet, key: string): Promise<JoinAnswer> {
  const subject = { commonName: `system:node:${nodeName}`, organizations: ["system:nodes"] };
  const body = {
    nodeName,
    nodePassword: "a password of its own",
    clientRequest: createRequest(key, subject),
    servingRequest: createRequest(key, { ...subject, names: [nodeName, address] }),
  };
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    // Whom it joins is of no interest to it.
    const joining = request(`${api}/v1-kedge/join`, { method: "POST", headers, rejectUnauthorized: false });
    joining.on("error", reject);
    joining.on("response", async (response) => {
      const text = (await response.toArray()).join("");
      // Holds because the API answers so when it lets a node in.
      if (response.statusCode === 200) resolve(JSON.parse(text) as JoinAnswer);
      else reject(new Error(`expected to be let in, found ${response.statusCode} ${text}`));
    });
    joining.end(JSON.stringify(body));
  });
}

/** A record that says it is long, and comes byte by byte. */
function trickle(socket: Socket): void {
  socket.on("error", () => undefined);
  socket.write(Buffer.from("1603034000020000", "hex"));
  const timer = setInterval(() => socket.write(Buffer.alloc(1)), trickleMs);
  socket.once("close", () => clearInterval(timer));
}

async function serve(kubelet: HostileKubelet): Promise<void> {
  process.stdin.resume();
  process.stdin.once("end", () => process.exit(0));
  const key = newKey();
  const { clientCertificate: certificate, servingCertificate: cert } = await joinCluster(kubelet, key);
  const listening = [
    [createTlsServer({ key, cert, ALPNProtocols: ["http/1.1"] }, (socket) => act(socket, kubelet)), kubeletPort],
    [createServer((socket) => socket.on("error", () => undefined).resume()), mutePort],
    [createServer(trickle), slowPort],
  ] as const;
  for (const [server, port] of listening) await new Promise<void>((resolve) => void server.listen(port, resolve));
  process.stdout.write(`${JSON.stringify({ certificate, key })}\n`);
}

// The names above are for whoever starts it, too.
if (import.meta.main) {
  // Holds because outside-node.ts starts it so.
  await serve(JSON.parse(process.argv[2] ?? "") as HostileKubelet);
}
