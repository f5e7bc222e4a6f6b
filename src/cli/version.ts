/** `kedge version`: the Kubernetes release kedge is compatible with, its own build, and what it runs on. */

export interface VersionFacts {
  /** "v1.36.2+kedge.1", what the API answers too. */
  readonly gitVersion: string;
  readonly nodeVersion: string;
}

export function versionText({ gitVersion, nodeVersion }: VersionFacts): string {
  return `kedge version ${gitVersion}\nnode version ${nodeVersion}\n`;
}

/** A package that something in the runtime bundle was taken from. */
export interface RuntimePackage {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
  /** The version that was locked, when this is another one. */
  readonly lockedVersion: string | undefined;
}

/** `kedge version --runtime`: a line a package. */
export function runtimeText(packages: readonly RuntimePackage[]): string {
  const lines = packages.map(({ name, version, sha256, lockedVersion }) => [
    name,
    version,
    sha256,
    lockedVersion === undefined ? "as locked" : `not as locked: ${lockedVersion}`,
  ]);
  const rows = [["PACKAGE", "VERSION", "SHA256", "LOCK"], ...lines];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => `${row.map((text, at) => text.padEnd(widths[at] ?? 0)).join("  ")}\n`).join("");
}
