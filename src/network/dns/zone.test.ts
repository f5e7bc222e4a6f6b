/** The names of a cluster, as a table of questions and what is answered. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { machineClock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import { createInformers } from "#client/watch-informer.ts";
import { namespaces } from "#resources/core/namespace.ts";
import { services, type ServiceSpec } from "#resources/core/service.ts";
import { endpointSlices, type Endpoint } from "#resources/discovery/endpoint-slice.ts";
import { MemoryCluster } from "#testing/memory-client.ts";
import { ClusterZone } from "./zone.ts";

const life = new AbortController();
const { signal } = life;
let zone: ClusterZone;

before(async () => {
  const client = new MemoryCluster(machineClock).client("test");
  const namespace = "shop";
  const service = (name: string, spec: ServiceSpec): Promise<unknown> =>
    client.create(services, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { namespace, name },
      spec,
      status: { loadBalancer: {} },
    });
  await client.create(namespaces, {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: namespace },
    spec: {},
    status: {},
  });
  await service("web", {
    clusterIP: "10.43.0.9",
    clusterIPs: ["10.43.0.9"],
    ports: [{ name: "http", port: 80, protocol: "TCP" }],
  });
  await service("db", {
    clusterIP: "None",
    clusterIPs: ["None"],
    ports: [{ name: "sql", port: 5432, protocol: "TCP" }],
  });
  await service("far", { type: "ExternalName", externalName: "db.example.org" });
  const endpoints: readonly Endpoint[] = [
    { addresses: ["10.42.0.5"], conditions: { ready: true }, hostname: "db-0" },
    { addresses: ["10.42.0.6"], conditions: { ready: false }, hostname: "db-1" },
    { addresses: ["10.42.0.7"], conditions: { ready: true } },
  ];
  const metadata = { namespace, name: "db-1", labels: { "kubernetes.io/service-name": "db" } };
  const ports = [{ name: "sql", port: 5432, protocol: "TCP" as const }];
  const kind = { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice" };
  await client.create(endpointSlices, { ...kind, metadata, addressType: "IPv4", endpoints, ports });
  const informers = createInformers(client, { clock: machineClock, log: silentLog }, signal);
  const sources = {
    services: informers.informer(services),
    slices: informers.informer(endpointSlices),
    namespaces: informers.informer(namespaces),
  };
  await Promise.all(Object.values(sources).map((informer) => informer.whenSynced(signal)));
  zone = new ClusterZone({ ...sources, domain: "cluster.local", networks: ["10.42.0.0/16", "10.43.0.0/16"] });
});

after(() => life.abort(new Error("the test is over")));

function shown(name: string, type: string): string {
  const reply = zone.answer({ name, type });
  if (reply.kind === "forward") return "forward";
  const records = reply.answers.map(({ data }) =>
    typeof data === "object" && "port" in data
      ? `${data.target}:${data.port}`
      : typeof data === "string"
        ? data
        : JSON.stringify(data),
  );
  return [reply.code, ...records.toSorted((x, y) => x.localeCompare(y))].join(" ");
}

const questions: readonly (readonly [name: string, type: string, answer: string])[] = [
  ["web.shop.svc.cluster.local", "A", "NOERROR 10.43.0.9"],
  ["web.shop.svc.cluster.local", "AAAA", "NOERROR"],
  ["_http._tcp.web.shop.svc.cluster.local", "SRV", "NOERROR web.shop.svc.cluster.local:80"],
  ["_http._udp.web.shop.svc.cluster.local", "SRV", "NXDOMAIN"],
  ["db.shop.svc.cluster.local", "A", "NOERROR 10.42.0.5 10.42.0.7"],
  ["db-0.db.shop.svc.cluster.local", "A", "NOERROR 10.42.0.5"],
  ["db-1.db.shop.svc.cluster.local", "A", "NXDOMAIN"],
  [
    "_sql._tcp.db.shop.svc.cluster.local",
    "SRV",
    "NOERROR 10-42-0-7.db.shop.svc.cluster.local:5432 db-0.db.shop.svc.cluster.local:5432",
  ],
  ["far.shop.svc.cluster.local", "A", "NOERROR db.example.org"],
  ["nothing.shop.svc.cluster.local", "A", "NXDOMAIN"],
  ["web.nowhere.svc.cluster.local", "A", "NXDOMAIN"],
  ["shop.svc.cluster.local", "A", "NOERROR"],
  ["10-42-0-9.shop.pod.cluster.local", "A", "NOERROR 10.42.0.9"],
  ["9.0.43.10.in-addr.arpa", "PTR", "NOERROR web.shop.svc.cluster.local"],
  ["5.0.42.10.in-addr.arpa", "PTR", "NOERROR db-0.db.shop.svc.cluster.local"],
  ["1.2.0.192.in-addr.arpa", "PTR", "forward"],
  ["example.org", "A", "forward"],
  ["cluster.local", "A", "NOERROR"],
];

for (const [name, type, answer] of questions)
  test(`${type} ${name} is ${answer}`, () => assert.equal(shown(name, type), answer));
