/**
 * Which Service has an address or a port of the nodes, as entries of the store: they come and go in one commit with what
 * they are for, so that no two Services can ever have the same. For an address the entry is an IPAddress, as upstream.
 *
 * @see https://kubernetes.io/docs/concepts/services-networking/cluster-ip-allocation/
 */
import { textOf, utf8 } from "#base/bytes.ts";
import { rfc3339 } from "#base/clock.ts";
import { keyText, type ObjectKey } from "#machinery/meta.ts";
import { untyped } from "#machinery/resource.ts";
import { services, type Service } from "#resources/core/service.ts";
import { ipAddresses, type IPAddress } from "#resources/networking/ip-address.ts";
import { absent, prefixEnd, type Entry } from "#storage/store.ts";
import type { Companion, CompanionFate } from "../access.ts";
import { cacheOf, type Core } from "../call.ts";
import { StoredKind, StoredObject } from "../stored-object.ts";
import type { WatchCache } from "../watch-cache.ts";

/** What a Service may have alone: an address, or a port of the nodes as "TCP/30080". */
export type Claim = string;

type Parts = Pick<Core, "store" | "registry" | "clock" | "random" | "log">;

const portsPrefix = "/kedge/node-ports/";
const addressKind = new StoredKind(untyped(ipAddresses));
/** Nobody in particular: an IPAddress that somebody made for something else than a Service. */
const unknownOwner = "";

/** All that a Service has. */
export function claimsOf({ spec }: Service): Claim[] {
  const address = spec.clusterIP ?? "";
  const ports = (spec.ports ?? []).flatMap((port) =>
    (port.nodePort ?? 0) === 0 ? [] : [`${port.protocol ?? "TCP"}/${port.nodePort}`],
  );
  const health = (spec.healthCheckNodePort ?? 0) === 0 ? [] : [`TCP/${spec.healthCheckNodePort}`];
  return [...(address === "" || address === "None" ? [] : [address]), ...ports, ...health];
}

/** The claims that a change of a Service makes and gives back. @param change `now` is absent when it goes */
export async function claimChanges(
  parts: Parts,
  change: { readonly owner: ObjectKey; readonly old: Service | undefined; readonly now: Service | undefined },
): Promise<readonly Companion[]> {
  const before = new Set(change.old ? claimsOf(change.old) : []);
  const after = new Set(change.now ? claimsOf(change.now) : []);
  const made = [...after].filter((claim) => !before.has(claim));
  const given = [...before].filter((claim) => !after.has(claim));
  if (made.length + given.length === 0) return [];
  const owners = await servicesOf(parts);
  return [
    ...made.map((claim) => new Made(parts, owners, { claim, owner: change.owner })),
    ...given.map((claim) => new GivenBack(parts, { claim, owner: change.owner })),
  ];
}

interface Owned {
  readonly claim: Claim;
  readonly owner: ObjectKey;
}

class Made implements Companion {
  readonly key: string;
  private readonly parts: Parts;
  private readonly owners: WatchCache;
  private readonly owned: Owned;

  constructor(parts: Parts, owners: WatchCache, owned: Owned) {
    this.key = keyOf(owned.claim);
    this.parts = parts;
    this.owners = owners;
    this.owned = owned;
  }

  held(): Promise<Entry | undefined> {
    return this.parts.store.get(this.key);
  }

  next(held: Entry | undefined): Uint8Array | CompanionFate {
    const { claim, owner } = this.owned;
    const by = held && ownerIn(claim, held);
    if (by === keyText(owner)) return "keep";
    // One that comes in the same commit is nowhere yet.
    const isComing = held?.modRevision === absent;
    if (by !== undefined && (isComing || hasClaim(this.owners, claim, by))) return "lost";
    return valueOf(this.parts, this.owned);
  }
}

class GivenBack implements Companion {
  readonly key: string;
  private readonly parts: Parts;
  private readonly owned: Owned;

  constructor(parts: Parts, owned: Owned) {
    this.key = keyOf(owned.claim);
    this.parts = parts;
    this.owned = owned;
  }

  held(): Promise<Entry | undefined> {
    return this.parts.store.get(this.key);
  }

  next(held: Entry | undefined): CompanionFate {
    const { claim, owner } = this.owned;
    return held && ownerIn(claim, held) === keyText(owner) ? "delete" : "keep";
  }
}

/**
 * Makes the claims of Services that have none, as one that an older kedge stored, and takes away those whose Service is
 * gone. Done once, before the first request.
 *
 * @throws the signal's reason
 */
export async function repairClaims(parts: Parts, signal: AbortSignal): Promise<void> {
  const owners = await servicesOf(parts);
  const known = new Set<string>();
  for (const { object } of owners.all()) {
    // Holds because only Services are stored there.
    const service = object as Service;
    const { namespace = "", name = "" } = service.metadata;
    for (const claim of claimsOf(service)) {
      signal.throwIfAborted();
      const owner = { namespace, name };
      const key = keyOf(claim);
      known.add(key);
      const held = await parts.store.get(key);
      const by = held && ownerIn(claim, held);
      // Two that have the same since a time when nothing kept them from it: the first keeps the claim.
      if (by === keyText(owner) || (by !== undefined && hasClaim(owners, claim, by))) continue;
      const value = valueOf(parts, { claim, owner });
      await parts.store.commit([{ key, value, expected: held?.modRevision ?? absent }]);
    }
  }
  for (const prefix of [addressKind.prefix, portsPrefix]) {
    const { entries } = await parts.store.range({ from: prefix, to: prefixEnd(prefix) });
    for (const entry of entries) {
      signal.throwIfAborted();
      const claim = entry.key.slice(prefix.length);
      if (known.has(entry.key) || ownerIn(claim, entry) === unknownOwner) continue;
      await parts.store.commit([{ key: entry.key, expected: entry.modRevision }]);
      parts.log.warn("an address was kept for a Service that is gone", { claim });
    }
  }
}

function keyOf(claim: Claim): string {
  return isPort(claim) ? portsPrefix + claim : addressKind.storeKey({ namespace: "", name: claim });
}

function isPort(claim: Claim): boolean {
  return claim.includes("/");
}

/** The Service that an entry is for, as "namespace/name". */
function ownerIn(claim: Claim, held: Entry): string {
  if (isPort(claim)) return textOf(held.value);
  const read = addressKind.read(held);
  // Whose an entry is that cannot be read, the Services themselves tell.
  if (!(read instanceof StoredObject)) return unknownOwner;
  // Holds because only addresses are stored there.
  const { parentRef } = (read.object as IPAddress).spec;
  if (parentRef.resource !== services.plural || (parentRef.group ?? "") !== services.group) return unknownOwner;
  return keyText({ namespace: parentRef.namespace ?? "", name: parentRef.name });
}

/** Whether a claim still is what its entry says. */
function hasClaim(owners: WatchCache, claim: Claim, owner: string): boolean {
  if (owner === unknownOwner) return true;
  const service = owners.get(owners.kind.prefix + owner);
  // Holds because only Services are stored there.
  return service !== undefined && claimsOf(service.object as Service).includes(claim);
}

function valueOf({ random, clock }: Parts, { claim, owner }: Owned): Uint8Array {
  if (isPort(claim)) return utf8(keyText(owner));
  const address: IPAddress = {
    apiVersion: ipAddresses.apiVersion,
    kind: ipAddresses.kind,
    metadata: {
      name: claim,
      uid: random.uuid(),
      creationTimestamp: rfc3339(clock.nowMs()),
      labels: {
        "ipaddress.kubernetes.io/ip-family": claim.includes(":") ? "IPv6" : "IPv4",
        "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
      },
    },
    spec: { parentRef: { group: services.group, resource: services.plural, ...owner } },
  };
  return addressKind.encode(address);
}

async function servicesOf({ registry }: Parts): Promise<WatchCache> {
  const served = registry.of(untyped(services));
  if (!served) throw new Error("expected Services to be served, found that they are not");
  return cacheOf(served);
}
