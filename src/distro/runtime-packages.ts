/** What the runtime bundle is made of, read from its bill of materials (tools/runtime/sbom.ts writes it). */
import { readFileSync } from "node:fs";

export interface RuntimePackage {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
  /** The version that was locked, when this is another one. */
  readonly lockedVersion: string | undefined;
}

interface Component {
  readonly name: string;
  readonly version: string;
  readonly hashes: readonly { readonly content: string }[];
  readonly properties: readonly { readonly name: string; readonly value: string }[];
}

export function runtimePackages(sbomPath: string): readonly RuntimePackage[] {
  // The builder of the bundle alone writes this file.
  const { components } = JSON.parse(readFileSync(sbomPath, "utf8")) as { readonly components: readonly Component[] };
  return components
    .map(({ name, version, hashes, properties }) => ({
      name,
      version,
      sha256: hashes[0]?.content ?? "",
      lockedVersion: properties.find((property) => property.name === "kedge:locked-version")?.value,
    }))
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
}
