/**
 * Writes a container image as an OCI archive: one layer, one configuration, one manifest.
 *
 * @see https://github.com/opencontainers/image-spec/blob/main/image-layout.md
 */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, statSync } from "node:fs";
import { writeTar, type TarEntry } from "../../src/wire/tar.ts";

/** What a container of the image runs, in the image specification's names. */
export interface ImageConfig {
  readonly Entrypoint: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Env?: readonly string[];
  readonly User?: string;
  readonly WorkingDir?: string;
  readonly ExposedPorts?: Readonly<Record<string, Record<string, never>>>;
  readonly Volumes?: Readonly<Record<string, Record<string, never>>>;
  readonly StopSignal?: string;
}

interface Blob {
  readonly digest: string;
  readonly size: number;
  readonly content: TarEntry["content"];
}

/** @param layer Path of an uncompressed tar archive. */
export async function writeOciArchive(
  path: string,
  image: { readonly name: string; readonly layer: string; readonly config: ImageConfig },
): Promise<void> {
  const layer = await fileBlob(image.layer);
  const config = jsonBlob({
    created: "1970-01-01T00:00:00Z",
    architecture: "amd64",
    os: "linux",
    config: image.config,
    rootfs: { type: "layers", diff_ids: [layer.digest] },
    history: [{ created: "1970-01-01T00:00:00Z", created_by: "kedge" }],
  });
  const manifest = jsonBlob({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: described(config, "application/vnd.oci.image.config.v1+json"),
    layers: [described(layer, "application/vnd.oci.image.layer.v1.tar")],
  });
  const index = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [
      {
        ...described(manifest, "application/vnd.oci.image.manifest.v1+json"),
        platform: { architecture: "amd64", os: "linux" },
        annotations: {
          "io.containerd.image.name": image.name,
          "org.opencontainers.image.ref.name": image.name.slice(image.name.lastIndexOf(":") + 1),
        },
      },
    ],
  };
  const folder = (name: string): TarEntry => ({ name, type: "directory", mode: 0o755 });
  const file = (name: string, content: TarEntry["content"] = Buffer.alloc(0)): TarEntry => ({
    name,
    type: "file",
    mode: 0o644,
    content,
  });
  const entries: TarEntry[] = [
    file("oci-layout", Buffer.from(JSON.stringify({ imageLayoutVersion: "1.0.0" }))),
    file("index.json", Buffer.from(JSON.stringify(index))),
    folder("blobs/"),
    folder("blobs/sha256/"),
    ...[manifest, config, layer].map((blob) => file(`blobs/${blob.digest.replace(":", "/")}`, blob.content)),
  ];
  await writeTar(entries, createWriteStream(path));
}

function described(blob: Blob, mediaType: string): object {
  return { mediaType, digest: blob.digest, size: blob.size };
}

function jsonBlob(value: object): Blob {
  const content = Buffer.from(JSON.stringify(value));
  return { digest: `sha256:${createHash("sha256").update(content).digest("hex")}`, size: content.length, content };
}

async function fileBlob(path: string): Promise<Blob> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  const { size } = statSync(path);
  return {
    digest: `sha256:${hash.digest("hex")}`,
    size,
    content: { stream: () => createReadStream(path), sizeBytes: size },
  };
}
