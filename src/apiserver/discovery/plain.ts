/** Discovery in pieces: APIVersions, APIGroupList, APIGroup and APIResourceList. */
import { own } from "#base/own.ts";
import type { Registry, Served } from "../registry.ts";
import type { Subresource } from "../subresource.ts";

/** Groups by name with their versions, the preferred one first. */
export function versionsOf(registry: Registry): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { definition } of registry.all()) {
    const versions = groups.get(definition.group) ?? [];
    if (!versions.includes(definition.version)) versions.push(definition.version);
    groups.set(definition.group, versions);
  }
  for (const versions of groups.values()) versions.sort(compareVersions);
  return groups;
}

const form = /^v(\d+)(?:(alpha|beta)(\d+))?$/;
const ranks: Readonly<Record<string, number>> = { alpha: 0, beta: 1, "": 2 };

/** Stable before beta before alpha, newer before older, other names last by alphabet. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [form.exec(a), form.exec(b)];
  if (!left || !right) return left ? -1 : right ? 1 : a < b ? -1 : 1;
  const rank = (own(ranks, right[2] ?? "") ?? 0) - (own(ranks, left[2] ?? "") ?? 0);
  return rank || Number(right[1]) - Number(left[1]) || Number(right[3] ?? 0) - Number(left[3] ?? 0);
}

/** @param root "api" for the core group, "apis" for the others. */
export function groupsOf(registry: Registry, root: string): unknown {
  if (root === "api")
    return {
      kind: "APIVersions",
      versions: ["v1"],
      serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress: "" }],
    };
  const groups = [...versionsOf(registry)]
    .filter(([name]) => name !== "")
    .map(([name, versions]) => group(name, versions));
  return { kind: "APIGroupList", apiVersion: "v1", groups };
}

function group(name: string, versions: readonly string[]): object {
  const listed = versions.map((version) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions: listed, preferredVersion: listed[0] };
}

export function groupOf(registry: Registry, name: string): unknown {
  const versions = versionsOf(registry).get(name);
  return name === "" || !versions ? undefined : { kind: "APIGroup", apiVersion: "v1", ...group(name, versions) };
}

/** The resources of a group and version by name, or undefined when there is no such. */
export function resourceListOf(registry: Registry, groupName: string, version: string): unknown {
  const served = servedIn(registry, groupName, version);
  if (served.length === 0) return undefined;
  const groupVersion = groupName === "" ? version : `${groupName}/${version}`;
  const resources = served.flatMap((each) => [resource(each), ...subresources(each)]);
  return { kind: "APIResourceList", ...(groupName === "" ? {} : { apiVersion: "v1" }), groupVersion, resources };
}

export function servedIn(registry: Registry, groupName: string, version: string): Served[] {
  return [...registry.all()]
    .filter(({ definition }) => definition.group === groupName && definition.version === version)
    .sort((a, b) => (a.definition.plural < b.definition.plural ? -1 : 1));
}

function resource({ definition }: Served): object {
  const { plural, singular, namespaced, kind, verbs, shortNames, categories } = definition;
  return {
    name: plural,
    singularName: singular,
    namespaced,
    kind,
    verbs: [...verbs].sort(),
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
    ...(verbs.includes("watch") ? { storageVersionHash: storageHash(definition) } : {}),
  };
}

/** Eight bytes that differ where group, version or kind do. */
function storageHash({ group, version, kind }: Served["definition"]): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(`${group}/${version}/${kind}`))
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(hash);
  return bytes.toString("base64");
}

/** What discovery says about a subresource: its kind and verbs. */
export function describe(
  { definition }: Served,
  subresource: Subresource,
): { group: string; version: string; kind: string; verbs: readonly string[] } {
  const { group, version, kind } = definition;
  switch (subresource.kind) {
    case "part":
      return { group, version, kind, verbs: subresource.verbs };
    case "scale":
      return { group: "autoscaling", version: "v1", kind: "Scale", verbs: ["get", "patch", "update"] };
    case "post": {
      const { body } = subresource;
      return { group: body.group, version: body.version, kind: body.kind, verbs: ["create"] };
    }
    case "connect":
      return { group, version, kind: subresource.optionsKind, verbs: subresource.verbs };
  }
}

function subresources(served: Served): object[] {
  const { plural, namespaced, group, version } = served.definition;
  return [...served.subresources].map(([name, subresource]) => {
    const described = describe(served, subresource);
    const isOther = described.group !== group || described.version !== version;
    return {
      name: `${plural}/${name}`,
      singularName: "",
      namespaced,
      ...(isOther ? { group: described.group, version: described.version } : {}),
      kind: described.kind,
      verbs: described.verbs,
    };
  });
}
