/**
 * An image registry on loopback that serves one image from its OCI archive, to whoever knows the password if there is one.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md
 */
import assert from "node:assert/strict";
import { createReadStream, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { command } from "./kedge.ts";

export interface Registry extends Disposable {
  /** "127.0.0.1:port", the first part of image names. */
  readonly host: string;
  /** Manifests that were asked for and given. */
  readonly pulls: number;
}

interface Manifest {
  readonly digest: string;
  readonly mediaType: string;
}

export interface RegistryOptions {
  readonly archive: string;
  /** Name and tag under which the image is served, e.g. "busybox:1". */
  readonly image: string;
  readonly user?: string;
  readonly password?: string;
}

export async function startRegistry({ archive, image, user, password }: RegistryOptions): Promise<Registry> {
  const folder = mkdtempSync(join(tmpdir(), "kedge-registry-"));
  assert.equal((await command("tar", ["-xf", archive, "-C", folder])).code, 0);
  // The index of an OCI archive that examples/images/build made.
  const index = JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) as {
    readonly manifests: readonly Manifest[];
  };
  const manifest = index.manifests[0];
  assert.ok(manifest);
  const [name = "", tag = ""] = image.split(":");
  const expected =
    password === undefined ? undefined : `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  let pulls = 0;
  const answer = (request: IncomingMessage, reply: ServerResponse): void => {
    if (expected !== undefined && request.headers.authorization !== expected) {
      reply.writeHead(401, { "www-authenticate": 'Basic realm="kedge"' }).end();
      return;
    }
    const [, kind, reference = ""] = new RegExp(`^/v2/${name}/(manifests|blobs)/(.+)$`).exec(request.url ?? "") ?? [];
    const digest = kind === "manifests" && reference === tag ? manifest.digest : reference;
    const path = join(folder, "blobs", digest.replace(":", "/"));
    if (request.url === "/v2/") reply.writeHead(200).end();
    else if (kind === undefined || !digest.startsWith("sha256:") || !existsSync(path)) reply.writeHead(404).end();
    else {
      const type = digest === manifest.digest ? manifest.mediaType : "application/octet-stream";
      reply.writeHead(200, { "content-type": type, "docker-content-digest": digest });
      if (kind === "manifests" && request.method === "GET") pulls += 1;
      if (request.method === "HEAD") reply.end();
      else createReadStream(path).pipe(reply);
    }
  };
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return {
    host: `127.0.0.1:${address.port}`,
    get pulls() {
      return pulls;
    },
    [Symbol.dispose]: () => {
      server.closeAllConnections();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
