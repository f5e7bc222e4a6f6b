/**
 * What `--disable` takes: parts of the node, controllers, and add-ons, which are files in the folder of manifests. A word
 * that is none of them would switch off nothing, and nobody would notice.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { controllerNames } from "#controllers/names.ts";
import { ConfigError, nearest } from "./values.ts";

/** Parts of every node, and a controller by its short name; `coredns` is K3s' word for the DNS. */
export const disableWords = ["dns", "coredns", "proxy", "local-storage"] as const;

/** What K3s brings and this version does not: their users' configurations switch it off, and it is off. */
const offAnyway = ["traefik", "servicelb", "metrics-server", "runtimes", "helm-controller"];

/** @throws ConfigError with one sentence for the first word that switches off nothing. */
export function checkDisabled(words: readonly string[], dataDir: string): void {
  if (words.length === 0) return;
  const addOns = addOnsIn(join(dataDir, "server/manifests"));
  const known = [...disableWords, ...controllerNames, ...addOns];
  for (const word of words) {
    if (known.includes(word) || offAnyway.includes(word)) continue;
    const near = nearest(word, known);
    const hint = near === undefined ? "" : `; the nearest is "${near}"`;
    throw new ConfigError(
      `expected for --disable one of ${disableWords.join(", ")}, an add-on in server/manifests (${addOns.length === 0 ? "none there" : addOns.join(", ")}) or a controller (${controllerNames.join(", ")}), found "${word}"${hint}`,
    );
  }
}

function addOnsIn(folder: string): readonly string[] {
  try {
    const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
    return names.filter((name) => /\.(?:ya?ml|json)$/.test(name)).map(addOnOf);
  } catch {
    // Before the first start there is no such folder, and no add-on.
    return [];
  }
}

/** The last part of its path, without its ending. */
function addOnOf(file: string): string {
  return (file.split("/").at(-1) ?? "").replace(/\.(?:ya?ml|json)$/, "");
}
