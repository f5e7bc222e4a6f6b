import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { checkEndpointIp, isEndpointV4, parseIp } from "./ip-address.ts";

test("an IPv4 address is one of an endpoint exactly when nothing is said against it", () => {
  const byte = fc.oneof(
    fc.constantFrom("0", "127", "169", "254", "224", "255", "256", "010", ""),
    fc.nat(255).map(String),
  );
  const text = fc.array(byte, { minLength: 3, maxLength: 5 }).map((bytes) => bytes.join("."));
  fc.assert(
    fc.property(text, (address) => {
      const isSound = parseIp(address)?.family === 4 && checkEndpointIp("", address).length === 0;
      assert.equal(isEndpointV4(address), isSound, address);
    }),
  );
  for (const [address, isSound] of [
    ["10.1.2.3", true],
    ["0.0.0.0", false],
    ["127.0.0.0", false],
    ["127.255.255.255", false],
    ["128.0.0.0", true],
    ["169.254.255.255", false],
    ["169.255.0.0", true],
    ["224.0.0.255", false],
    ["224.0.1.0", true],
    ["::ffff:10.1.2.3", false],
  ] as const)
    assert.equal(isEndpointV4(address), isSound, address);
});
