/**
 * Answers for the cluster's own names, read off Services and EndpointSlices.
 *
 *     SERVICE.NAMESPACE.svc.ZONE                       A     cluster IP, or the ready endpoints of a headless Service
 *     _PORT._PROTOCOL.SERVICE.NAMESPACE.svc.ZONE       SRV
 *     HOSTNAME.SERVICE.NAMESPACE.svc.ZONE              A     one endpoint of a headless Service
 *     1-2-3-4.NAMESPACE.pod.ZONE                       A     the address that is written in it
 *     4.3.2.1.in-addr.arpa                             PTR
 *
 * @see https://github.com/kubernetes/dns/blob/master/docs/specification.md
 */
import { parseCidr, parseIpv4, cidrContains, type Cidr } from "#base/cidr.ts";
import type { Informer } from "#client/informer.ts";
import type { Namespace } from "#resources/core/namespace.ts";
import type { Endpoint } from "#resources/discovery/endpoint-slice.ts";
import type { DnsQuestion, DnsRecord, DnsReply } from "#wire/dns.ts";
import { type ServiceSeen, type SliceSeen } from "../service-view.ts";

export interface ZoneOptions {
  readonly services: Informer<ServiceSeen>;
  readonly slices: Informer<SliceSeen>;
  readonly namespaces: Informer<Namespace>;
  /** "cluster.local" */
  readonly domain: string;
  /** Reverse names of these networks are ours. */
  readonly networks: readonly string[];
}

const timeToLiveSeconds = 5;
const reverseSuffix = ".in-addr.arpa";
const serviceNameLabel = "kubernetes.io/service-name";
const forward: DnsReply = { kind: "forward" };
const nothingThere: Extract<DnsReply, { kind: "answer" }> = {
  kind: "answer",
  code: "NOERROR",
  answers: [],
  authorities: [],
  additionals: [],
};

export class ClusterZone {
  private readonly options: ZoneOptions;
  private readonly networks: readonly Cidr[];

  constructor(options: ZoneOptions) {
    this.options = options;
    this.networks = options.networks.flatMap((text) => parseCidr(text) ?? []);
    options.slices.addIndex("service", (slice) => {
      const service = slice.metadata.labels?.[serviceNameLabel];
      return service === undefined ? [] : [`${slice.metadata.namespace}/${service}`];
    });
    options.services.addIndex("clusterIP", ({ spec }) => [...(spec.clusterIPs ?? [])]);
    // An endpoint's first address alone: no semantics are defined for others, and a slice may have a hundred thousand.
    // https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoint-slice-v1/
    options.slices.addIndex("address", (slice) => slice.endpoints.flatMap(({ addresses }) => addresses.slice(0, 1)));
  }

  /** Never throws; what is not ours is to be forwarded. */
  answer(question: DnsQuestion): DnsReply {
    const { domain } = this.options;
    if (question.name.endsWith(reverseSuffix)) return this.reverse(question);
    if (question.name !== domain && !question.name.endsWith(`.${domain}`)) return forward;
    const labels = question.name.slice(0, -domain.length - 1).split(".");
    const records = this.lookUp(labels, question);
    if (records === undefined) return this.negative("NXDOMAIN");
    return records.length === 0 ? this.negative("NOERROR") : { ...nothingThere, ...withTargets(records) };
  }

  private negative(code: "NOERROR" | "NXDOMAIN"): DnsReply {
    const { domain } = this.options;
    const soa: DnsRecord = {
      type: "SOA",
      name: domain,
      ttl: timeToLiveSeconds,
      data: {
        mname: `ns.dns.${domain}`,
        rname: `hostmaster.${domain}`,
        serial: 1,
        refresh: 7200,
        retry: 1800,
        expire: 86_400,
        minimum: timeToLiveSeconds,
      },
    };
    return { ...nothingThere, code, authorities: [soa] };
  }

  /** Undefined when the name does not exist; empty when it has no record of the type. */
  private lookUp(labels: readonly string[], question: DnsQuestion): Found[] | undefined {
    const [kind, namespace, ...rest] = labels.toReversed();
    if (labels.length === 1 && labels[0] === "dns-version") return [txt(question.name, "1.1.0")];
    if (namespace === undefined) return kind === "" || kind === "svc" || kind === "pod" ? [] : undefined;
    if (kind === "pod") return this.pod(namespace, rest.toReversed().join("."), question);
    if (kind !== "svc") return undefined;
    if (rest.length === 0) return this.options.namespaces.get({ namespace: "", name: namespace }) ? [] : undefined;
    const [name = "", ...within] = rest;
    const service = this.options.services.get({ namespace, name });
    return service ? this.service(service, within.toReversed(), question) : undefined;
  }

  private pod(namespace: string, dashed: string, { name, type }: DnsQuestion): Found[] | undefined {
    const address = dashed.replaceAll("-", ".");
    if (!this.options.namespaces.get({ namespace: "", name: namespace })) return undefined;
    if (dashed === "") return [];
    if (parseIpv4(address) === undefined) return undefined;
    return type === "A" ? [{ record: a(name, address) }] : [];
  }

  private service(service: ServiceSeen, within: readonly string[], question: DnsQuestion): Found[] | undefined {
    const { spec } = service;
    if (spec.type === "ExternalName")
      return within.length > 0 ? undefined : [{ record: cname(question.name, spec.externalName ?? "") }];
    const headless = spec.clusterIP === "None";
    if (within.length === 0) {
      if (question.type === "SRV") return this.portRecords(service, question, () => true);
      return question.type === "A"
        ? this.addresses(service).map((address) => ({ record: a(question.name, address) }))
        : [];
    }
    const [first = "", second = ""] = within;
    if (within.length === 2 && first.startsWith("_") && second.startsWith("_")) {
      const matches = (port: Port): boolean =>
        `_${port.name}` === first && `_${port.protocol.toLowerCase()}` === second;
      const found = this.portRecords(service, question, matches);
      if (found.length === 0) return undefined;
      return question.type === "SRV" ? found : [];
    }
    if (!headless || within.length !== 1) return undefined;
    const named = this.ready(service).filter((endpoint) => hostLabel(endpoint) === first);
    if (named.length === 0) return undefined;
    return question.type === "A"
      ? named.flatMap((endpoint) => endpoint.addresses.map((address) => ({ record: a(question.name, address) })))
      : [];
  }

  private addresses(service: ServiceSeen): readonly string[] {
    const { clusterIP, clusterIPs } = service.spec;
    if (clusterIP !== "None") return clusterIPs ?? (clusterIP === undefined ? [] : [clusterIP]);
    return [...new Set(this.ready(service).flatMap((endpoint) => endpoint.addresses))];
  }

  private slicesOf(service: ServiceSeen): readonly SliceSeen[] {
    const { namespace, name } = service.metadata;
    return this.options.slices.byIndex("service", `${namespace}/${name}`);
  }

  private ready(service: ServiceSeen): readonly Endpoint[] {
    const all = service.spec.publishNotReadyAddresses === true;
    return this.slicesOf(service).flatMap((slice) =>
      slice.endpoints.filter(({ conditions }) => all || conditions.ready !== false),
    );
  }

  private portRecords(service: ServiceSeen, question: DnsQuestion, matches: (port: Port) => boolean): Found[] {
    const { namespace, name } = service.metadata;
    const base = `${name}.${namespace}.svc.${this.options.domain}`;
    if (service.spec.clusterIP !== "None") {
      const address = service.spec.clusterIP ?? "";
      return (service.spec.ports ?? [])
        .map((port) => ({ name: port.name ?? "", protocol: port.protocol ?? "TCP", port: port.port }))
        .filter(matches)
        .map((port) => ({ record: srv(question.name, { port: port.port, target: base }), target: a(base, address) }));
    }
    return this.slicesOf(service).flatMap((slice) =>
      (slice.ports ?? [])
        .map((port) => ({ name: port.name ?? "", protocol: port.protocol ?? "TCP", port: port.port ?? 0 }))
        .filter(matches)
        .flatMap((port) =>
          slice.endpoints
            .filter(({ conditions }) => conditions.ready !== false || service.spec.publishNotReadyAddresses === true)
            .flatMap((endpoint) => {
              const target = `${hostLabel(endpoint)}.${base}`;
              return endpoint.addresses.map((address) => ({
                record: srv(question.name, { port: port.port, target }),
                target: a(target, address),
              }));
            }),
        ),
    );
  }

  private reverse({ name, type }: DnsQuestion): DnsReply {
    const address = name.slice(0, -reverseSuffix.length).split(".").toReversed().join(".");
    const number = parseIpv4(address);
    if (number === undefined || !this.networks.some((network) => cidrContains(network, number))) return forward;
    const names = [...this.servicesAt(address), ...this.endpointsAt(address)];
    if (names.length === 0) return this.negative("NXDOMAIN");
    if (type !== "PTR") return this.negative("NOERROR");
    return {
      ...nothingThere,
      answers: names.map((data) => ({ type: "PTR" as const, name, ttl: timeToLiveSeconds, data })),
    };
  }

  private servicesAt(address: string): string[] {
    return this.options.services
      .byIndex("clusterIP", address)
      .map(({ metadata }) => `${metadata.name}.${metadata.namespace}.svc.${this.options.domain}`);
  }

  private endpointsAt(address: string): string[] {
    const names = this.options.slices.byIndex("address", address).flatMap((slice) => {
      const service = slice.metadata.labels?.[serviceNameLabel];
      return slice.endpoints
        .filter((endpoint) => endpoint.addresses[0] === address)
        .map((endpoint) => `${hostLabel(endpoint)}.${service}.${slice.metadata.namespace}.svc.${this.options.domain}`);
    });
    return [...new Set(names)];
  }
}

interface Port {
  readonly name: string;
  readonly protocol: string;
  readonly port: number;
}

interface Found {
  readonly record: DnsRecord;
  /** The address of an SRV record's target, for the additional section. */
  readonly target?: DnsRecord;
}

function withTargets(found: readonly Found[]): {
  readonly answers: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
} {
  return { answers: found.map(({ record }) => record), additionals: found.flatMap(({ target }) => target ?? []) };
}

/** The label of an endpoint: its hostname, or its address with dashes. */
function hostLabel(endpoint: Endpoint): string {
  return endpoint.hostname ?? (endpoint.addresses[0] ?? "").replaceAll(".", "-");
}

function a(name: string, data: string): DnsRecord {
  return { type: "A", name, ttl: timeToLiveSeconds, data };
}

function cname(name: string, data: string): DnsRecord {
  return { type: "CNAME", name, ttl: timeToLiveSeconds, data };
}

function txt(name: string, data: string): Found {
  return { record: { type: "TXT", name, ttl: timeToLiveSeconds, data } };
}

function srv(name: string, { port, target }: { readonly port: number; readonly target: string }): DnsRecord {
  return { type: "SRV", name, ttl: timeToLiveSeconds, data: { port, target, priority: 0, weight: 100 } };
}
