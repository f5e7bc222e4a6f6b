/** The cluster's DNS on this node: its own names from memory, everything else from the machine's resolvers. */
import type { Component } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import type { InformerFactory } from "#client/informer.ts";
import { namespaces } from "#resources/core/namespace.ts";
import { serveDns } from "#wire/dns.ts";
import { ClusterZone } from "./dns/zone.ts";
import { serviceView, sliceView } from "./service-view.ts";

export interface DnsOptions {
  readonly informers: InformerFactory;
  readonly log: Log;
  /** The cluster DNS address, which must be on this machine already, and the port. */
  readonly address: string;
  readonly port: number;
  /** "cluster.local" */
  readonly domain: string;
  readonly clusterCidr: string;
  readonly serviceCidr: string;
  /** Name servers of the machine, read at each use; our own address must not be among them. */
  readonly upstreams: () => readonly string[];
}

export function clusterDns(options: DnsOptions): Component {
  const { informers, log, address, port } = options;
  return {
    name: "dns",
    run: async (signal) => {
      const sources = {
        services: informers.informer(serviceView),
        slices: informers.informer(sliceView),
        namespaces: informers.informer(namespaces),
      };
      // Before the first list is in, silence is right: resolvers ask again, but remember a wrong answer.
      await Promise.all(Object.values(sources).map((informer) => informer.whenSynced(signal)));
      const networks = [options.clusterCidr, options.serviceCidr];
      const zone = new ClusterZone({ ...sources, domain: options.domain, networks });
      const handle = zone.answer.bind(zone);
      await serveDns({ addresses: [address], port, handle, upstreams: options.upstreams, log: log.for("dns") }, signal);
    },
  };
}
