/** `kedge version`: the Kubernetes release kedge is compatible with, its own build, and what it runs on. */

export interface VersionFacts {
  /** "v1.36.2+kedge.1", what the API answers too. */
  readonly gitVersion: string;
  readonly nodeVersion: string;
}

export function versionText({ gitVersion, nodeVersion }: VersionFacts): string {
  return `kedge version ${gitVersion}\nnode version ${nodeVersion}\n`;
}
