/** Where an API server is and who one is there, from a kubeconfig. */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseYaml } from "#wire/yaml.ts";
import type { Target } from "./h2-client.ts";

interface Named {
  readonly name: string;
  readonly cluster?: Readonly<Record<string, string>>;
  readonly user?: Readonly<Record<string, string>>;
  readonly context?: Readonly<Record<string, string>>;
}

interface Kubeconfig {
  readonly "current-context": string;
  readonly clusters: readonly Named[];
  readonly users: readonly Named[];
  readonly contexts: readonly Named[];
}

/** @throws Error when the current context is not whole. */
export function readTarget(path: string, url?: string): Target {
  // Holds because kubectl refuses any other file; what is missing is said below.
  const config = parseYaml(readFileSync(path, "utf8")) as Kubeconfig;
  const named = (list: readonly Named[], name: string | undefined, what: string): Named => {
    const found = list.find((one) => one.name === name);
    if (!found) throw new Error(`expected ${what} "${name ?? ""}" in ${path}, found none`);
    return found;
  };
  const context = named(config.contexts, config["current-context"], "the context").context;
  const cluster = named(config.clusters, context?.["cluster"], "the cluster").cluster ?? {};
  const user = named(config.users, context?.["user"], "the user").user ?? {};
  const pem = (fields: Readonly<Record<string, string>>, name: string): string | undefined => {
    const data = fields[`${name}-data`];
    if (data !== undefined) return Buffer.from(data, "base64").toString();
    const file = fields[name];
    return file === undefined ? undefined : readFileSync(resolve(dirname(path), file), "utf8");
  };
  const ca = pem(cluster, "certificate-authority");
  const certificate = pem(user, "client-certificate");
  const key = pem(user, "client-key");
  const token = user["token"];
  return {
    url: url ?? cluster["server"] ?? "",
    ...(ca !== undefined && { ca }),
    ...(certificate !== undefined && { certificate }),
    ...(key !== undefined && { key }),
    ...(token !== undefined && { token }),
  };
}
