/**
 * The configuration of a server or an agent, by K3s' rules: a flag wins over the configuration file, the file over the
 * environment, the environment over the default.
 */
import { must } from "#base/assert.ts";
import { type Cidr, cidrContains, formatIpv4, parseCidr, parseIpv4 } from "#base/cidr.ts";
import { own } from "#base/own.ts";
import type { Taint } from "#resources/core/node.ts";
import { checkDisabled } from "./config/disabled.ts";
import { readConfigFiles } from "./config/files.ts";
import { readFlags } from "./config/flags.ts";
import { type Config, flagOf, type NamedSetting, type Role, settings, settingsOf } from "./config/settings.ts";
import { ConfigError, valueFor, type Written } from "./config/values.ts";

export type { Config, Role } from "./config/settings.ts";
export { ConfigError } from "./config/values.ts";

export interface ConfigInput {
  /** Arguments after the command's name. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

// Every node has such a network for its pods.
const nodeNetworkPrefix = 24;

export type ConfigOutcome =
  | { readonly kind: "config"; readonly config: Config }
  | { readonly kind: "help"; readonly text: string };

/** @throws ConfigError with one sentence and the exit code 2. */
export async function readConfig(role: Role, { args, env }: ConfigInput): Promise<ConfigOutcome> {
  const flags = readFlags(role, args);
  if (flags.kind === "help") return { kind: "help", text: helpText(role) };
  const variables = settingsOf(role).flatMap((named) => fromEnvironment(named, env));
  const environment = new Map(variables.map(({ named, written }) => [named.name, written]));
  const path = flags.values.get("config") ?? environment.get("config");
  const file = path ? String(valueFor(settings.config, path)) : settings.config.default;
  const files = await readConfigFiles(file, role, path !== undefined);
  const entries = Object.entries(settings).map(([name, setting]) => {
    // The entries' keys are the table's.
    const key = name as keyof Config;
    const written = flags.values.get(key) ?? files.get(key) ?? environment.get(key);
    if (written) return [key, valueFor(setting, written)];
    return [key, setting.type === "switch" ? false : "default" in setting ? setting.default : undefined];
  });
  // Every setting has a value of its type: its own by valueFor, or the default of the table.
  const config = Object.fromEntries(entries) as Config;
  checkTogether(config, role);
  if (role === "server") checkServer(config);
  checkDisabled(config.disable, config.dataDir);
  return { kind: "config", config };
}

/** What every setting is, for `--help`. */
export function helpText(role: Role): string {
  const lines = settingsOf(role).map(({ flag, setting }) => {
    const value = setting.type === "switch" ? "" : ` ${setting.value}`;
    const names = `--${flag}${setting.short === undefined ? "" : `, -${setting.short}`}${value}`;
    return `  ${names.padEnd(34)} ${setting.help}${defaultOf(setting)}${variableOf(setting)}`;
  });
  const what = role === "server" ? "Runs a control plane, and a node unless told not to." : "Runs a node of a cluster.";
  return `${what}\n\nUsage: kedge ${role} [flags]\n\nFlags, which are also the keys of the configuration file:\n${lines.join("\n")}\n`;
}

/** The address of the DNS service: what was configured, or the tenth of the service network. */
export function clusterDns(config: Config): string {
  if (config.clusterDns !== undefined) return config.clusterDns;
  return serviceAddress(config, 10);
}

/** The n-th address of the service network; the first one is the API's. */
export function serviceAddress(config: Config, index: number): string {
  return formatIpv4(network(config.serviceCidr).base + index);
}

function network(text: string): Cidr {
  return must(parseCidr(text), `the network "${text}" was checked when it was read`);
}

/** What this node registers with: `a=b` is the label a with the value b. */
export function labelsOf({ nodeLabel }: Config): Readonly<Record<string, string>> {
  return Object.fromEntries(nodeLabel.map((label) => [label.split("=")[0] ?? "", label.split("=")[1] ?? ""]));
}

/** `key=value:Effect`, the value with its sign perhaps left out. */
export function taintsOf({ nodeTaint }: Config): readonly Taint[] {
  return nodeTaint.map((text) => {
    const [pair = "", effect = ""] = text.split(":");
    const [key = "", value = ""] = pair.split("=");
    // The check of the setting lets no other effect through.
    return { key, value, effect: effect as Taint["effect"] };
  });
}

function checkTogether(config: Config, role: Role): void {
  if (config.token !== undefined && config.tokenFile !== undefined) {
    throw new ConfigError("expected one of --token and --token-file, found both; leave one out");
  }
  const pods = network(config.clusterCidr);
  const services = network(config.serviceCidr);
  if (cidrContains(pods, services.base) || cidrContains(services, pods.base)) {
    const found = `${config.clusterCidr} and ${config.serviceCidr}`;
    throw new ConfigError(
      `expected two networks that do not overlap for --cluster-cidr and --service-cidr, found ${found}`,
    );
  }
  const dns = config.clusterDns === undefined ? undefined : parseIpv4(config.clusterDns);
  if (config.clusterDns !== undefined && (dns === undefined || !cidrContains(services, dns))) {
    const expected = `an address inside --service-cidr ${config.serviceCidr}`;
    throw new ConfigError(`expected ${expected} for --cluster-dns, found "${config.clusterDns}"`);
  }
  if (role === "agent" && config.server === undefined) {
    throw new ConfigError("expected the URL of a server for flag --server, found none; give it as https://HOST:6443");
  }
  if (role === "agent" && config.token === undefined && config.tokenFile === undefined) {
    throw new ConfigError(
      "expected a token for flag --token, found none; the server has it in its data folder as server/node-token",
    );
  }
}

/** What each setting allows by itself, and all of them together do not. @throws ConfigError */
function checkServer(config: Config): void {
  for (const name of ["nodeIp", "advertiseAddress"] as const) {
    const text = config[name];
    const address = text === undefined ? undefined : parseIpv4(text);
    const inside = [config.clusterCidr, config.serviceCidr].find(
      (cidr) => address !== undefined && cidrContains(network(cidr), address),
    );
    if (inside !== undefined)
      throw new ConfigError(
        `expected an address of this machine for --${flagOf(name)}, found "${text}", which is inside ${inside}, the cluster's own; choose other networks with --cluster-cidr and --service-cidr`,
      );
  }
  if (clusterDns(config) === serviceAddress(config, 1))
    throw new ConfigError(
      `expected another address for --cluster-dns than the API's service address, found "${config.clusterDns}"; leave it out, or take another one of --service-cidr`,
    );
  const [from, to] = config.serviceNodePortRange.split("-").map(Number);
  const port = config.httpsListenPort;
  if (from !== undefined && to !== undefined && port >= from && port <= to)
    throw new ConfigError(
      `expected a port for --https-listen-port outside of --service-node-port-range ${config.serviceNodePortRange}, whose ports belong to Services, found ${port}`,
    );
  const networks = 2 ** Math.max(0, nodeNetworkPrefix - network(config.clusterCidr).prefixLength);
  if (config.fakeNodes > 0 && config.fakeNodes >= networks)
    throw new ConfigError(
      `expected room in --cluster-cidr for ${config.fakeNodes + 1} networks of /${nodeNetworkPrefix}, one for each of --fake-nodes and one for this machine's, found ${networks} in ${config.clusterCidr}; choose a wider one, like 10.128.0.0/9`,
    );
  const ofNode = config.disableAgent
    ? (["nodeLabel", "nodeTaint"] as const).find((name) => config[name].length > 0)
    : undefined;
  if (ofNode !== undefined)
    throw new ConfigError(
      `expected no --${flagOf(ofNode)} beside --disable-agent, which leaves this machine without a node, found both; leave one out`,
    );
}

function fromEnvironment(
  named: NamedSetting,
  env: ConfigInput["env"],
): { readonly named: NamedSetting; readonly written: Written }[] {
  if (named.setting.env === undefined) return [];
  for (const variable of [`KEDGE_${named.setting.env}`, `K3S_${named.setting.env}`]) {
    const value = own(env, variable);
    if (value !== undefined && value !== "") return [{ named, written: { value, source: `variable ${variable}` } }];
  }
  return [];
}

function defaultOf(setting: NamedSetting["setting"]): string {
  if (!("default" in setting) || setting.default === undefined || Array.isArray(setting.default)) return "";
  return ` (default: ${setting.default.toString()})`;
}

function variableOf({ env }: NamedSetting["setting"]): string {
  return env === undefined ? "" : ` [KEDGE_${env}]`;
}
