/** Turns rulesets into scripts for nft: the whole table once, then only what changed, each script one transaction. */
import { mapNames, type MapName, type Ruleset } from "./rules.ts";

const mapTypes: Readonly<Record<MapName, string>> = {
  "service-ips": "map service-ips { type ipv4_addr . inet_proto . inet_service : verdict; }",
  "service-nodeports": "map service-nodeports { type inet_proto . inet_service : verdict; }",
  "refused-ips": "map refused-ips { type ipv4_addr . inet_proto . inet_service : verdict; }",
  "refused-nodeports": "map refused-nodeports { type inet_proto . inet_service : verdict; }",
  hairpin: "set hairpin { type ipv4_addr . ipv4_addr; }",
};

const empty: Ruleset = {
  chains: new Map(),
  affinitySets: new Map(),
  // Holds because every name is there.
  maps: Object.fromEntries(mapNames.map((name) => [name, new Map()])) as unknown as Ruleset["maps"],
  udpPeers: new Map(),
};

/** The table with everything in it, in place of whatever it held. @param clusterCidr Does not come and go with Services */
export function wholeTable(table: string, clusterCidr: string, rules: Ruleset): string {
  const at = `ip ${table}`;
  const lines = [
    `add table ${at}`,
    `delete table ${at}`,
    `add table ${at}`,
    ...mapNames.map((name) => mapTypes[name].replace(/^(map|set) (\S+)/, `add $1 ${at} $2`)),
    ...fixedChains(at, clusterCidr),
    ...changes(table, empty, rules),
  ];
  return `${lines.join("\n")}\n`;
}

function fixedChains(at: string, clusterCidr: string): string[] {
  const chain = (name: string, hook: string, rules: readonly string[]): string[] => [
    `add chain ${at} ${name} ${hook === "" ? "" : `{ ${hook} }`}`,
    ...rules.map((rule) => `add rule ${at} ${name} ${rule}`),
  ];
  const nodePorts = "fib daddr type local ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap";
  const services = ["ip daddr . meta l4proto . th dport vmap @service-ips", `${nodePorts} @service-nodeports`];
  const refused = [
    "ct state new ip daddr . meta l4proto . th dport vmap @refused-ips",
    `ct state new ${nodePorts} @refused-nodeports`,
  ];
  return [
    ...chain("refuse", "", ["meta l4proto tcp reject with tcp reset", "reject"]),
    ...chain("services", "", services),
    ...chain("refused", "", refused),
    ...chain("nat-prerouting", "type nat hook prerouting priority dstnat; policy accept;", ["jump services"]),
    ...chain("nat-output", "type nat hook output priority -100; policy accept;", ["jump services"]),
    ...chain("nat-postrouting", "type nat hook postrouting priority srcnat; policy accept;", [
      "meta mark and 0x4000 == 0x4000 meta mark set meta mark xor 0x4000 masquerade fully-random",
      "ct status dnat ip saddr . ip daddr @hairpin masquerade fully-random",
      // What pods send out of the cluster carries this machine's address.
      `ip saddr ${clusterCidr} ip daddr != ${clusterCidr} ip daddr != 224.0.0.0/4 masquerade fully-random`,
    ]),
    ...chain("filter-input", "type filter hook input priority -5; policy accept;", ["jump refused"]),
    ...chain("filter-forward", "type filter hook forward priority -5; policy accept;", ["jump refused"]),
    ...chain("filter-output", "type filter hook output priority -5; policy accept;", ["jump refused"]),
  ];
}

/** What leads from one ruleset to the next; "" when nothing does. */
export function changedTable(table: string, before: Ruleset, after: Ruleset): string {
  const lines = changes(table, before, after);
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

/** In an order in which nothing is used before it is there, and nothing goes while it is used. */
function changes(table: string, before: Ruleset, after: Ruleset): string[] {
  const at = `ip ${table}`;
  const added = [...after.chains].filter(([name]) => !before.chains.has(name));
  const changed = [...after.chains].filter(([name, rules]) => before.chains.get(name)?.join("\n") !== rules.join("\n"));
  const goneChains = [...before.chains.keys()].filter((name) => !after.chains.has(name));
  const goneSets = [...before.affinitySets.keys()].filter((name) => !after.affinitySets.has(name));
  const newSets = [...after.affinitySets].filter(([name]) => !before.affinitySets.has(name));
  return [
    ...newSets.map(([name, definition]) => `add set ${at} ${name} { ${definition} }`),
    ...added.map(([name]) => `add chain ${at} ${name}`),
    ...mapNames.flatMap((name) => elementChanges(at, name, { before: before.maps[name], after: after.maps[name] })),
    ...[...changed.map(([name]) => name).filter((name) => before.chains.has(name)), ...goneChains].map(
      (name) => `flush chain ${at} ${name}`,
    ),
    ...changed.flatMap(([name, rules]) => rules.map((rule) => `add rule ${at} ${name} ${rule}`)),
    ...goneChains.map((name) => `delete chain ${at} ${name}`),
    ...goneSets.map((name) => `delete set ${at} ${name}`),
  ];
}

interface Elements {
  readonly before: ReadonlyMap<string, string>;
  readonly after: ReadonlyMap<string, string>;
}

// Elements a command holds at most, so that no line grows with the cluster.
const elementsPerCommand = 200;

function elementChanges(at: string, name: MapName, { before, after }: Elements): string[] {
  const gone = [...before].filter(([key, value]) => after.get(key) !== value).map(([key]) => key);
  const fresh = [...after]
    .filter(([key, value]) => before.get(key) !== value)
    .map(([key, value]) => (value === "" ? key : `${key} : ${value}`));
  const command = (verb: string, elements: readonly string[]): string[] =>
    Array.from({ length: Math.ceil(elements.length / elementsPerCommand) }, (_, page) => {
      const some = elements.slice(page * elementsPerCommand, (page + 1) * elementsPerCommand);
      return `${verb} element ${at} ${name} { ${some.join(", ")} }`;
    });
  return [...command("delete", gone), ...command("add", fresh)];
}
