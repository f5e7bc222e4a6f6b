import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checkPrefix,
  configKey,
  dns1035Label,
  dnsLabel,
  dnsSubdomain,
  environmentName,
  labelValue,
  portName,
  qualifiedName,
  type NameCheck,
} from "./names.ts";

const good: readonly (readonly [string, NameCheck, readonly string[]])[] = [
  ["dnsSubdomain", dnsSubdomain, ["a", "a.b-c.d9", "9"]],
  ["dnsLabel", dnsLabel, ["a", "9-a", "a".repeat(63)]],
  ["dns1035Label", dns1035Label, ["a", "a-9"]],
  ["labelValue", labelValue, ["", "A_b.c-9"]],
  ["qualifiedName", qualifiedName, ["App", "example.com/My.Name_9"]],
  ["environmentName", environmentName, ["A", "a.b c", "9"]],
  ["configKey", configKey, [".profile", "a_b-c.D"]],
  ["portName", portName, ["http", "a-1"]],
];
const bad: readonly (readonly [string, NameCheck, readonly string[]])[] = [
  ["dnsSubdomain", dnsSubdomain, ["", "A", "a_b", "-a", "a..b", "a\n", "a".repeat(254)]],
  ["dnsLabel", dnsLabel, ["a.b", "a".repeat(64), "é"]],
  ["dns1035Label", dns1035Label, ["9a", ""]],
  ["labelValue", labelValue, ["-a", "a b", "a".repeat(64)]],
  ["qualifiedName", qualifiedName, ["", "/a", "a/", "a/b/c", "A_/b", "a".repeat(64)]],
  ["environmentName", environmentName, ["", "A=B", "é"]],
  ["configKey", configKey, ["", ".", "..", "..a", "a/b"]],
  ["portName", portName, ["", "1", "a--b", "-a", "abcdefghijklmnop", "A"]],
];
for (const [name, check, texts] of good)
  test(`${name} takes what is well formed`, () => {
    for (const text of texts) assert.deepEqual(check(text), [], text);
  });
for (const [name, check, texts] of bad)
  test(`${name} refuses what is not`, () => {
    for (const text of texts) assert.notDeepEqual(check(text), [], text);
  });

test("sentences are upstream's", () => {
  assert.deepEqual(dnsLabel("a.b"), ["must not contain dots"]);
  assert.deepEqual(dnsSubdomain("A"), [
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
  ]);
  assert.match(
    qualifiedName("-")[0] ?? "",
    /^name part must consist of .* \(e\.g\. 'MyName', {2}or 'my\.name', {2}or /,
  );
});

test("a prefix may end in a dash", () => {
  assert.deepEqual(checkPrefix(dnsSubdomain, "web-"), []);
});
