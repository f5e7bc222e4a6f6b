/**
 * The places of kedge on a machine: one table of them, for everyone who leads connections elsewhere. The service proxy
 * gives them to no Service, and own-ports.ts to no host port of a pod. (Service addresses that belong to one Service are
 * the API's to give: see `reservedAddresses` of its admission.)
 */

/** Where something of kedge is reached. */
export interface ReservedPlace {
  readonly what: "api" | "kubelet" | "streams" | "dns";
  readonly address: string;
  readonly protocol: "tcp" | "udp";
  /** Absent: all ports, of an address that nobody else uses. */
  readonly port?: number;
  /** At which addresses of this machine it listens: all of them, its own, or none because it is elsewhere. */
  readonly listens: "everywhere" | "there" | "elsewhere";
}

/** Service addresses that something on this machine answers itself. */
export function answeredHere(places: readonly ReservedPlace[]): ReadonlySet<string> {
  return new Set(places.flatMap(({ what, address }) => (what === "dns" ? [address] : [])));
}

/** Addresses, and "address . protocol . port", that no Service takes over on this machine. */
export function servicesKeepOff(places: readonly ReservedPlace[]): ReadonlySet<string> {
  const ports = places.map(({ address, protocol, port }) =>
    port === undefined ? address : `${address} . ${protocol} . ${port}`,
  );
  return new Set([...answeredHere(places), ...ports]);
}

/**
 * Rules of nft that end the search for who leads a connection elsewhere: of several the kernel heeds the first. Host
 * ports of pods hold for every address of the machine and come after this: what is led to where it goes anyway stays there.
 */
export function rulesThatKeep(places: readonly ReservedPlace[]): readonly string[] {
  return places.flatMap(({ address, protocol, port, listens }) => {
    if (listens === "elsewhere") return [];
    const where = listens === "everywhere" ? "fib daddr type local" : `ip daddr ${address}`;
    return [
      `${where} ${port === undefined ? `meta l4proto ${protocol}` : `${protocol} dport ${port}`} dnat ip to ip daddr`,
    ];
  });
}
