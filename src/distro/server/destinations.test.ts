/** The server connects to nobody who is itself, whatever nodes and pods claim their addresses to be. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { machineClock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import type { Node } from "#resources/core/node.ts";
import { issueCa } from "#wire/x509.ts";
import type { ServerCertificates } from "../certificates.ts";
import { Renewable } from "../certificates/renewal.ts";
import { Destinations } from "./destinations.ts";
import { KubeletClients } from "./kubelet-clients.ts";

const destinations = new Destinations({
  nodeName: "server",
  serviceCidr: "10.43.0.0/16",
  apiPort: () => 6443,
  ownAddresses: () => ["127.0.0.1", "192.0.2.1", "10.42.0.1", "2001:db8::1", "fe80::1%eth0"],
});

const rows: readonly (readonly [address: string, port: number, nodeName: string, isAllowed: boolean])[] = [
  ["192.0.2.7", 10_250, "", true],
  ["10.42.1.9", 80, "other", true],
  ["2001:db8::7", 80, "", true],
  ["127.0.0.1", 10_250, "", false],
  ["127.8.9.1", 80, "server", false],
  ["0.0.0.0", 80, "server", false],
  ["169.254.169.254", 80, "other", false],
  ["224.0.0.1", 80, "", false],
  ["255.255.255.255", 80, "", false],
  ["10.43.0.1", 443, "other", false],
  ["::1", 80, "", false],
  ["::", 80, "", false],
  ["::ffff:127.0.0.1", 80, "", false],
  ["::ffff:192.0.2.1", 6443, "", false],
  ["::127.0.0.1", 80, "", false],
  ["64:ff9b::7f00:1", 80, "", false],
  ["fe80::1", 80, "", false],
  ["fe80::1%eth0", 80, "", false],
  ["ff02::1", 80, "", false],
  ["192.0.2.1", 6443, "", false],
  ["192.0.2.1", 9100, "other", false],
  ["192.0.2.1", 9100, "server", true],
  ["192.0.2.1", 6443, "server", false],
  ["2001:db8::1", 6443, "", false],
  ["10.42.0.1", 6443, "", false],
  ["localhost", 80, "", false],
  ["0x7f.1", 80, "", false],
  ["2130706433", 80, "", false],
  ["", 80, "", false],
  ["192.0.2.7", 0, "", false],
  ["192.0.2.7", 65_536, "", false],
];

for (const [address, port, nodeName, isAllowed] of rows)
  test(`${address}:${port} on node "${nodeName}" is ${isAllowed ? "reached" : "refused"}`, () => {
    assert.equal(destinations.refusal({ address, port, nodeName }) === undefined, isAllowed);
  });

function node(name: string, address: string, port = 10_250): Node {
  const status = { addresses: [{ type: "InternalIP", address }], daemonEndpoints: { kubeletEndpoint: { Port: port } } };
  // Holds for what is looked at.
  return { apiVersion: "v1", kind: "Node", metadata: { name }, spec: {}, status } as unknown as Node;
}

function kubelets(): KubeletClients {
  const nowMs = machineClock.nowMs();
  const ca = issueCa({ commonName: "ca", notBeforeMs: nowMs, notAfterMs: nowMs + 60_000 });
  // Holds for what is looked at.
  const certificates = { kubeletCa: ca, clients: { apiServer: ca } } as unknown as ServerCertificates;
  return new KubeletClients(new Renewable(certificates, silentLog), destinations);
}

test("a node that says it is the API server is not connected to", () => {
  const clients = kubelets();
  assert.throws(
    () => clients.of(node("evil", "127.0.0.1", 6443)),
    /expected its kubelet at an address that other machines/,
  );
  assert.throws(() => clients.of(node("evil", "192.0.2.1", 6443)), /which is an address of this server/);
  clients.close();
});

test("the kubelet of this process is asked where it listens, whatever its Node says", () => {
  const clients = kubelets();
  clients.knowOwn({ nodeName: "server", address: "192.0.2.1", port: 10_250 });
  const known = clients.of(node("server", "192.0.2.1"));
  assert.equal(clients.of(node("server", "192.0.2.66", 6443)), known);
  clients.close();
});

test("a node that changes its address leaves no client behind", () => {
  const clients = kubelets();
  const first = clients.of(node("a", "192.0.2.7"));
  assert.equal(clients.of(node("a", "192.0.2.7")), first);
  assert.notEqual(clients.of(node("a", "192.0.2.8")), first);
  assert.notEqual(clients.of(node("a", "192.0.2.7")), first);
  clients.close();
});
