/**
 * A pod's name servers and its names: resolv.conf, hosts file, host name.
 *
 * @see https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
 */
import type { Pod } from "#resources/core/pod.ts";

export interface DnsConfig {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

// What libc reads of a resolv.conf.
const serversMax = 3;
const searchesMax = 32;
const searchCharactersMax = 2048;
const labelCharactersMax = 63;
const fqdnCharactersMax = 64;

/** @see https://man7.org/linux/man-pages/man5/resolv.conf.5.html */
export function parseResolvConf(text: string): DnsConfig {
  let searches: readonly string[] = [];
  let options: readonly string[] = [];
  const servers: string[] = [];
  for (const line of text.split("\n")) {
    const [keyword, ...rest] = line.trim().split(/\s+/);
    if (keyword === "nameserver" && rest[0] !== undefined) servers.push(rest[0]);
    // A later line replaces an earlier one.
    if (keyword === "search") searches = rest.map((name) => (name === "." ? name : name.replace(/\.$/, "")));
    if (keyword === "options") options = rest;
  }
  return { servers, searches, options };
}

export interface ClusterDns {
  readonly servers: readonly string[];
  readonly domain: string;
}

/** What the pod's resolv.conf says, given the node's own. */
export function dnsOf(pod: Pod, cluster: ClusterDns, host: DnsConfig): DnsConfig {
  const base = policyDns(pod, cluster, host);
  const { nameservers = [], searches = [], options = [] } = pod.spec.dnsConfig ?? {};
  const named = options.flatMap(({ name, value }) =>
    name === undefined ? [] : [value === undefined || value === "" ? name : `${name}:${value}`],
  );
  const overridden = new Set(named.map((option) => option.split(":")[0]));
  return {
    servers: distinct([...base.servers, ...nameservers]).slice(0, serversMax),
    searches: fitting(distinct([...base.searches, ...searches])),
    options: distinct([...base.options.filter((option) => !overridden.has(option.split(":")[0])), ...named]),
  };
}

function policyDns(pod: Pod, cluster: ClusterDns, host: DnsConfig): DnsConfig {
  const { dnsPolicy = "ClusterFirst", hostNetwork } = pod.spec;
  if (dnsPolicy === "None") return { servers: [], searches: [], options: [] };
  const usesHost = dnsPolicy === "Default" || (dnsPolicy === "ClusterFirst" && hostNetwork);
  if (usesHost || cluster.servers.length === 0) return host;
  const { domain } = cluster;
  const own = domain === "" ? [] : [`${pod.metadata.namespace}.svc.${domain}`, `svc.${domain}`, domain];
  return { servers: cluster.servers, searches: [...own, ...host.searches], options: ["ndots:5"] };
}

const distinct = (texts: readonly string[]): string[] => [...new Set(texts)];

function fitting(searches: readonly string[]): string[] {
  const kept = searches.slice(0, searchesMax);
  while (kept.join(" ").length > searchCharactersMax) kept.pop();
  return kept;
}

export interface PodNames {
  readonly hostname: string;
  /** "" when the pod has no name below a service. */
  readonly domain: string;
}

/** @throws Error when the pod's full name is wanted as its host name and is too long for one. */
export function namesOf(pod: Pod, clusterDomain: string): PodNames {
  const { hostname, subdomain, setHostnameAsFQDN, hostnameOverride } = pod.spec;
  if (hostnameOverride) return { hostname: hostnameOverride, domain: "" };
  const short = trimmed((hostname ? hostname : (pod.metadata.name ?? "")).slice(0, labelCharactersMax));
  const domain = subdomain ? `${subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}` : "";
  if (!setHostnameAsFQDN || domain === "") return { hostname: short, domain };
  const full = `${short}.${domain}`;
  if (full.length > fqdnCharactersMax)
    throw new Error(
      `Failed to construct FQDN from pod hostname and cluster domain, FQDN ${full} is too long (${fqdnCharactersMax} characters is the max, ${full.length} characters requested)`,
    );
  return { hostname: full, domain };
}

const localNames = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
`;

/** The hosts file of a pod's containers. Pods in the host's network get the host's own, `hostFile`, and their aliases. */
export function hostsFile(
  pod: Pod,
  names: PodNames,
  where: { readonly ips: readonly string[]; readonly hostFile: string },
): string {
  const shortName = names.hostname.split(".")[0] ?? "";
  const own = where.ips.map((ip) =>
    names.domain === "" ? `${ip}\t${names.hostname}\n` : `${ip}\t${shortName}.${names.domain}\t${shortName}\n`,
  );
  const start = pod.spec.hostNetwork
    ? `# Kubernetes-managed hosts file (host network).\n${where.hostFile}`
    : `# Kubernetes-managed hosts file.\n${localNames}${own.join("")}`;
  const aliases = (pod.spec.hostAliases ?? []).map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join("\t")}\n`);
  return aliases.length === 0 ? start : `${start}\n# Entries added by HostAliases.\n${aliases.join("")}`;
}

/** Without the hyphens and dots at its end. */
function trimmed(name: string): string {
  let end = name.length;
  while (end > 0 && "-.".includes(name[end - 1] ?? "")) end -= 1;
  return name.slice(0, end);
}
