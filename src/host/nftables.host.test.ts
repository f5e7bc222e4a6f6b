/** The kernel's packet rules and connections, in a table of the test's own. Needs root. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { before, test } from "node:test";
import { must } from "#base/assert.ts";
import { udpPeers } from "./conntrack.ts";
import { Nftables } from "./nftables.ts";
import { locateBundle } from "./runtime-bundle.ts";

const root = join(import.meta.dirname, "../..");
const table = { family: "ip", name: `kedge-test-${process.pid}` } as const;

before(() => {
  const built = spawnSync(process.execPath, [join(root, "tools/runtime/build.ts")], { encoding: "utf8" });
  assert.equal(built.status, 0, built.stderr);
});

test("a table's digest changes when somebody changes a rule or an element, and not when clients come", async () => {
  const nft = new Nftables(must(locateBundle(root), "the bundle was built above").nft);
  const at = `ip ${table.name}`;
  try {
    assert.equal(await nft.digest(table), undefined);
    await nft.apply(
      [
        `add table ${at}`,
        `add map ${at} places { type ipv4_addr : verdict; }`,
        `add set ${at} clients { type ipv4_addr; flags dynamic, timeout; timeout 60s; size 100; }`,
        `add chain ${at} one`,
        `add rule ${at} one counter drop`,
        `add element ${at} places { 192.0.2.1 : goto one, 192.0.2.2 : goto one }`,
        "",
      ].join("\n"),
    );
    const first = must(await nft.digest(table), "the table is there");
    await nft.apply(`add element ${at} clients { 192.0.2.9 }\n`);
    assert.equal(await nft.digest(table), first);
    await nft.apply(`delete element ${at} places { 192.0.2.2 }\n`);
    const second = await nft.digest(table);
    assert.notEqual(second, first);
    await nft.apply(`flush chain ${at} one\n`);
    assert.notEqual(await nft.digest(table), second);
    await nft.apply(`add rule ${at} one counter drop\nadd element ${at} places { 192.0.2.2 : goto one }\n`);
    assert.equal(await nft.digest(table), first);
  } finally {
    await nft.removeTable(table);
  }
});

test("who answers UDP to an address that nobody uses is nobody", async () => {
  const { conntrack } = must(locateBundle(root), "the bundle was built above");
  assert.deepEqual(await udpPeers(conntrack, { address: "192.0.2.77", port: 53 }), []);
});
