import assert from "node:assert/strict";
import { test } from "node:test";
import { planServiceLink } from "./service-link.ts";

const wanted = {
  link: "kedge-s1",
  serviceCidr: "10.43.0.0/16",
  nodeIp: "192.0.2.1",
  addresses: ["10.43.0.10"],
  settings: ["net.ipv4.ip_forward"],
};

test("a machine without the link gets it with everything on it", () => {
  assert.deepEqual(planServiceLink(wanted, { addresses: [], hasRoute: false, settingsOff: [] })?.lines, [
    "link add name kedge-s1 type bridge",
    "addr add 10.43.0.10/32 dev kedge-s1",
    "link set dev kedge-s1 up",
    "route add 10.43.0.0/16 dev kedge-s1 src 192.0.2.1",
  ]);
});

test("what others took away is given back, and what is there is left alone", () => {
  const whole = { up: true, addresses: ["10.43.0.10"], hasRoute: true, settingsOff: [] };
  assert.equal(planServiceLink(wanted, whole), undefined);
  assert.deepEqual(planServiceLink(wanted, { ...whole, up: false, hasRoute: false })?.lines, [
    "link set dev kedge-s1 up",
    "route add 10.43.0.0/16 dev kedge-s1 src 192.0.2.1",
  ]);
  assert.deepEqual(planServiceLink(wanted, { ...whole, settingsOff: ["net.ipv4.ip_forward"] }), {
    lines: [],
    settings: ["net.ipv4.ip_forward"],
  });
});

test("without the DNS its address is not on the link", () => {
  const seen = { up: true, addresses: ["10.43.0.10"], hasRoute: true, settingsOff: [] };
  assert.deepEqual(planServiceLink({ ...wanted, addresses: [] }, seen)?.lines, ["addr del 10.43.0.10/32 dev kedge-s1"]);
});
