/**
 * The bundle's bill of materials in CycloneDX: each Debian package something was taken from, with its checksum, its
 * licence file and what was taken.
 *
 * @see https://cyclonedx.org/docs/1.6/json/
 */
import { sha256Of } from "./debian.ts";
import type { FetchedDeb } from "./packages-lock.ts";

export interface BundledPackage {
  readonly deb: FetchedDeb;
  /** Paths in the bundle. */
  readonly files: readonly string[];
  readonly licenceFile: string;
}

export function billOfMaterials(packages: readonly BundledPackage[]): object {
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: { component: { type: "application", name: "kedge-runtime" } },
    components: packages.map(({ deb, files, licenceFile }) => ({
      type: "application",
      name: deb.name,
      version: deb.version,
      purl: `pkg:deb/debian/${deb.name}@${encodeURIComponent(deb.version)}?arch=amd64&distro=sid`,
      hashes: [{ alg: "SHA-256", content: sha256Of(deb.path) }],
      externalReferences: [{ type: "distribution", url: deb.url }],
      properties: [
        { name: "kedge:licence-file", value: licenceFile },
        ...(deb.lockedVersion === undefined ? [] : [{ name: "kedge:locked-version", value: deb.lockedVersion }]),
        ...files.map((file) => ({ name: "kedge:file", value: file })),
      ],
    })),
  };
}
