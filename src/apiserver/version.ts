/** Which Kubernetes this is. */

export const kubernetesVersion = "v1.36.0+kedge.1";

/** What /version answers. Build facts that a checkout does not have say so. */
export const versionInfo = {
  major: "1",
  minor: "36",
  emulationMajor: "1",
  emulationMinor: "36",
  minCompatibilityMajor: "1",
  minCompatibilityMinor: "35",
  gitVersion: kubernetesVersion,
  gitCommit: "",
  gitTreeState: "clean",
  buildDate: "1970-01-01T00:00:00Z",
  goVersion: "none",
  compiler: "none",
  platform: `linux/${process.arch === "x64" ? "amd64" : process.arch}`,
} as const;
