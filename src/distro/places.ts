/** Where things are, and what this is, for commands that start nothing. */
import { join } from "node:path";
import { settings } from "./config/settings.ts";

export { kubernetesVersion } from "#apiserver/version.ts";
export { locateBundle } from "#host/runtime-bundle.ts";

/** The root of the checkout or release. */
export const installRoot = join(import.meta.dirname, "../..");

export const kubeconfigPath = settings.writeKubeconfig.default;
