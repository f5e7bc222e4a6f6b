/** A kubelet's settings. Nothing here changes while it runs. */
import type { Taint } from "#resources/core/node.ts";

export interface KubeletConfig {
  readonly nodeName: string;
  /** The first is the primary one. */
  readonly nodeIps: readonly string[];
  readonly externalIps: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly providerId: string | undefined;
  /** Pods' own folders: volumes, hosts files, termination messages. */
  readonly rootFolder: string;
  /** Usually /var/log/pods. */
  readonly podLogsFolder: string;
  /** Manifests of static pods. */
  readonly staticPodFolder: string | undefined;
  /** What kedge's containers live below, in every control group hierarchy: "" or "/name". */
  readonly cgroupRoot: string;
  readonly clusterDomain: string;
  readonly clusterDns: readonly string[];
  /** The file that pods with the node's DNS settings get their servers from. */
  readonly resolvConf: string;
  /** "v1.36.0+kedge.1". */
  readonly version: string;
  readonly port: number;
  readonly podsMax: number;
  /** Kept for the system: taken off what pods may use. Quantities by name of resource. */
  readonly reserved: Readonly<Record<string, string>>;
  /** Names, or prefixes that end in "*". */
  readonly allowedUnsafeSysctls: readonly string[];
  /** Percent of the image file system: images are removed from `high` on, until `low` is reached. */
  readonly imageGc: { readonly highPercent: number; readonly lowPercent: number };
  readonly containerLog: { readonly sizeBytesMax: number; readonly filesMax: number };
}

/** What is the same almost everywhere. */
export const kubeletDefaults = {
  clusterDomain: "cluster.local",
  resolvConf: "/etc/resolv.conf",
  podLogsFolder: "/var/log/pods",
  port: 10_250,
  podsMax: 110,
  cgroupRoot: "",
  reserved: {},
  allowedUnsafeSysctls: [],
  imageGc: { highPercent: 85, lowPercent: 80 },
  containerLog: { sizeBytesMax: 10 * 1024 * 1024, filesMax: 5 },
  labels: {},
  annotations: {},
  taints: [],
  externalIps: [],
  providerId: undefined,
} as const;
