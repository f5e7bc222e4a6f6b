/** Which routes a node needs, and which claims of other nodes it does not believe. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Node } from "#resources/core/node.ts";
import { ownRoutes, planRoutes, routesOf } from "./node-routes.ts";

const options = { nodeName: "a", clusterCidr: "10.42.0.0/16", serviceCidr: "10.43.0.0/16" };

function node(name: string, podCIDR: string | undefined, address: string | undefined): Node {
  const addresses = address === undefined ? [] : [{ type: "InternalIP", address }];
  // Holds as far as routes look at nodes.
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, creationTimestamp: `2026-01-01T00:00:0${name.charCodeAt(0) - 97}Z` },
    spec: { podCIDR },
    status: { addresses },
  } as unknown as Node;
}

const own = node("a", "10.42.0.0/24", "192.0.2.1");

test("every other node with pods and an address gets a route", () => {
  const all = [
    own,
    node("b", "10.42.1.0/24", "192.0.2.2"),
    node("c", undefined, "192.0.2.3"),
    node("d", "10.42.3.0/24", undefined),
  ];
  assert.deepEqual(routesOf(all, options), { wanted: [{ podCidr: "10.42.1.0/24", via: "192.0.2.2" }], refused: [] });
});

const claims: readonly [string, string, string, RegExp][] = [
  ["this machine's own range", "10.42.0.0/24", "192.0.2.9", /belongs to another node/],
  ["a range around this machine's", "10.42.0.0/20", "192.0.2.9", /belongs to another node/],
  ["the whole pod network", "10.42.0.0/16", "192.0.2.9", /expected a range of pods within/],
  ["everything", "0.0.0.0/0", "192.0.2.9", /expected a range of pods within/],
  ["the service network", "10.43.0.0/24", "192.0.2.9", /expected a range of pods within/],
  ["a range of another node", "10.42.1.128/25", "192.0.2.9", /belongs to another node/],
  ["the address of this machine", "10.42.7.0/24", "192.0.2.1", /address 192.0.2.1 belongs to another node/],
  ["the address of another node", "10.42.7.0/24", "192.0.2.2", /address 192.0.2.2 belongs to another node/],
  ["loopback", "10.42.7.0/24", "127.0.0.1", /expected an address of a node/],
  ["an address in the pod network", "10.42.7.0/24", "10.42.0.5", /outside the cluster's networks/],
  ["an address in the service network", "10.42.7.0/24", "10.43.0.1", /outside the cluster's networks/],
  ["options for ip", "10.42.7.0/24", "192.0.2.9 dev lo", /expected an address of a node/],
];

for (const [what, podCidr, via, why] of claims)
  test(`a node that claims ${what} gets no route`, () => {
    const { wanted, refused } = routesOf(
      [own, node("b", "10.42.1.0/24", "192.0.2.2"), node("e", podCidr, via)],
      options,
    );
    assert.deepEqual(wanted, [{ podCidr: "10.42.1.0/24", via: "192.0.2.2" }]);
    assert.match(refused[0]?.why ?? "", why);
    assert.equal(refused[0]?.node, "e");
  });

test("routes of another kedge on this machine are left to it", () => {
  const mine = { podCidr: "10.42.9.0/24", via: "192.0.2.9" };
  const others = { podCidr: "10.76.1.0/24", via: "192.0.2.2" };
  assert.deepEqual(ownRoutes([mine, others], options.clusterCidr), [mine]);
});

test("what the kernel has is led to what is wanted", () => {
  const [b, c] = [
    { podCidr: "10.42.1.0/24", via: "192.0.2.2" },
    { podCidr: "10.42.2.0/24", via: "192.0.2.3" },
  ];
  const moved = { podCidr: "10.42.1.0/24", via: "192.0.2.9" };
  assert.deepEqual(planRoutes([moved], [b, c]), { missing: [moved], stale: [b, c] });
  assert.deepEqual(planRoutes([b], []), { missing: [b], stale: [] });
  assert.equal(planRoutes([b, c], [c, b]), undefined);
});
