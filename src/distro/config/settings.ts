/**
 * Every setting of `kedge server` and `kedge agent`, once: from this table derive the flags, the keys of the
 * configuration file, the environment variables, the type `Config` and the help text.
 *
 * @see https://docs.k3s.io/cli/server (names and defaults are K3s')
 */
import {
  cidr,
  domain,
  dnsLabel,
  fileMode,
  ipv4Address,
  label,
  listenAddress,
  nodePortRange,
  taint,
  url,
} from "./checks.ts";

export type Role = "server" | "agent";

/** What is expected of a value, when it is not that; undefined when all is well. */
export type Check = (value: string) => string | undefined;

interface SettingBase {
  /** What it is, one line, without a full stop. */
  readonly help: string;
  /** The one-letter flag. */
  readonly short?: string;
  /** Environment variables are KEDGE_<env> and K3S_<env>. */
  readonly env?: string;
  readonly roles: readonly Role[];
}

export type Setting =
  | (SettingBase & { readonly type: "switch" })
  | (SettingBase & {
      readonly type: "text";
      /** The placeholder in the help text. */
      readonly value: string;
      /** The text that is meant when a file holds a number. */
      readonly fromNumber?: (value: number) => string;
      readonly default?: string;
      readonly check?: Check;
    })
  | (SettingBase & {
      readonly type: "number";
      readonly value: string;
      readonly default: number;
      readonly min: number;
      readonly max: number;
    })
  | (SettingBase & {
      /** Repeatable; values may also be separated by commas. */
      readonly type: "list";
      readonly value: string;
      readonly default: readonly string[];
      readonly check?: Check;
    });

const server: readonly Role[] = ["server"];
const agent: readonly Role[] = ["agent"];
const both: readonly Role[] = ["server", "agent"];

/** The flag is the name in words: `dataDir` is `--data-dir`. */
export const settings = {
  config: {
    type: "text",
    short: "c",
    value: "FILE",
    default: "/etc/kedge/config.yaml",
    env: "CONFIG_FILE",
    roles: both,
    help: "Configuration file; the folder FILE.d may hold more of them",
  },
  dataDir: {
    type: "text",
    short: "d",
    value: "DIR",
    default: "/var/lib/kedge",
    env: "DATA_DIR",
    roles: both,
    help: "Folder of everything that must survive a restart",
  },
  log: {
    type: "text",
    short: "l",
    value: "FILE",
    roles: both,
    help: "Write the log to this file instead of the terminal; when it has 64 MiB it becomes FILE.1",
  },
  debug: { type: "switch", env: "DEBUG", roles: both, help: "Log more" },
  v: {
    type: "number",
    value: "N",
    default: 0,
    min: 0,
    max: 10,
    roles: both,
    help: "Verbosity of the log; 4 and more is debug",
  },
  bindAddress: {
    type: "text",
    value: "IP",
    default: "0.0.0.0",
    check: listenAddress,
    roles: server,
    help: "Address the API listens on",
  },
  httpsListenPort: {
    type: "number",
    value: "PORT",
    default: 6443,
    min: 1,
    max: 65_535,
    roles: server,
    help: "Port the API listens on",
  },
  advertiseAddress: {
    type: "text",
    value: "IP",
    check: ipv4Address,
    roles: server,
    help: "Address at which pods and agents reach the API (default: the node's)",
  },
  tlsSan: {
    type: "list",
    value: "NAME",
    default: [],
    check: listenAddress,
    roles: server,
    help: "Further names and addresses in the API's certificate",
  },
  clusterCidr: {
    type: "text",
    value: "CIDR",
    default: "10.42.0.0/16",
    check: cidr,
    roles: server,
    help: "Network of the pods",
  },
  serviceCidr: {
    type: "text",
    value: "CIDR",
    default: "10.43.0.0/16",
    check: cidr,
    roles: server,
    help: "Network of the services",
  },
  serviceNodePortRange: {
    type: "text",
    value: "FROM-TO",
    default: "30000-32767",
    check: nodePortRange,
    roles: server,
    help: "Ports for services of type NodePort",
  },
  clusterDns: {
    type: "text",
    value: "IP",
    check: ipv4Address,
    roles: server,
    help: "Service address of the DNS server (default: the tenth of --service-cidr)",
  },
  clusterDomain: {
    type: "text",
    value: "NAME",
    default: "cluster.local",
    check: domain,
    roles: server,
    help: "DNS domain of the cluster",
  },
  writeKubeconfig: {
    type: "text",
    short: "o",
    value: "FILE",
    default: "/etc/kedge/kedge.yaml",
    env: "KUBECONFIG_OUTPUT",
    roles: server,
    help: "Where the admin's kubeconfig is written",
  },
  writeKubeconfigMode: {
    type: "text",
    value: "MODE",
    default: "0600",
    check: fileMode,
    // YAML reads 0644 as an octal number.
    fromNumber: (mode) => mode.toString(8).padStart(4, "0"),
    env: "KUBECONFIG_MODE",
    roles: server,
    help: "File mode of the kubeconfig",
  },
  disable: {
    type: "list",
    value: "NAME",
    default: [],
    roles: server,
    help: "Built-in components that are not to run, and add-ons that are to be removed",
  },
  disableAgent: { type: "switch", roles: server, help: "Run no pods on this machine" },
  fakeNodes: {
    type: "number",
    value: "N",
    default: 0,
    min: 0,
    max: 20_000,
    roles: server,
    help: "Register so many nodes that only pretend to run pods, to test operators at scale",
  },
  fakePodStartMs: {
    type: "number",
    value: "MS",
    default: 500,
    min: 0,
    max: 3_600_000,
    roles: server,
    help: "How long a pod takes to start on a fake node",
  },
  fakePodStopMs: {
    type: "number",
    value: "MS",
    default: 200,
    min: 0,
    max: 3_600_000,
    roles: server,
    help: "How long a pod takes to stop on a fake node, within its grace period",
  },
  token: { type: "text", short: "t", value: "TOKEN", env: "TOKEN", roles: both, help: "Secret that lets a node join" },
  tokenFile: { type: "text", value: "FILE", env: "TOKEN_FILE", roles: both, help: "File that holds the token" },
  server: { type: "text", short: "s", value: "URL", check: url, env: "URL", roles: agent, help: "Server to join" },
  nodeName: {
    type: "text",
    value: "NAME",
    check: dnsLabel,
    env: "NODE_NAME",
    roles: both,
    help: "Name of this node (default: the host's)",
  },
  nodeIp: {
    type: "text",
    value: "IP",
    check: ipv4Address,
    roles: both,
    help: "Address of this node (default: that of the default route)",
  },
  nodeLabel: {
    type: "list",
    value: "KEY=VALUE",
    default: [],
    check: label,
    roles: both,
    help: "Labels this node registers with",
  },
  nodeTaint: {
    type: "list",
    value: "KEY=VALUE:EFFECT",
    default: [],
    check: taint,
    roles: both,
    help: "Taints this node registers with",
  },
} as const satisfies Readonly<Record<string, Setting>>;

export type SettingName = keyof typeof settings;

type ValueOf<S extends Setting> = S extends { readonly type: "switch" }
  ? boolean
  : S extends { readonly type: "number" }
    ? number
    : S extends { readonly type: "list" }
      ? readonly string[]
      : S extends { readonly default: string }
        ? string
        : string | undefined;

/** A value for every setting, the roles' defaults filled in. */
export type Config = { readonly [Name in SettingName]: ValueOf<(typeof settings)[Name]> };

/** A setting with the name it has in flags and files. */
export interface NamedSetting {
  readonly name: SettingName;
  readonly flag: string;
  readonly setting: Setting;
}

export const namedSettings: readonly NamedSetting[] = Object.entries(settings).map(([name, setting]) => ({
  // The entries' keys are the table's.
  name: name as SettingName,
  // The entries' keys are the table's.
  flag: flagOf(name as SettingName),
  setting,
}));

export function flagOf(name: SettingName): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

export function settingsOf(role: Role): readonly NamedSetting[] {
  return namedSettings.filter(({ setting }) => setting.roles.includes(role));
}
