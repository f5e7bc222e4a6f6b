import assert from "node:assert/strict";
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { must } from "#base/assert.ts";
import { Cgroups, detectCgroups } from "./cgroups.ts";
import { HostJournal, undo } from "./journal.ts";
import { Links } from "./links.ts";
import { isMountPoint, mountTmpfs, unmountBelow } from "./mounts.ts";
import { Nftables } from "./nftables.ts";
import { run } from "./processes.ts";
import { locateBundle } from "./runtime-bundle.ts";
import { readSysctl, setSysctl } from "./sysctl.ts";

const root = join(import.meta.dirname, "../..");

test("undoing the journal leaves the machine as it was, also from a journal that was cut short", async () => {
  await run("sh", [join(root, "tools/node.sh"), join(root, "tools/runtime/build.ts")], { timeoutMs: 900_000 });
  const bundle = must(locateBundle(root), "the bundle was built above");
  const folder = mkdtempSync("/tmp/kedge-journal-test-");
  const path = join(folder, "journal.jsonl");
  const links = new Links(bundle.ip);
  const nft = new Nftables(bundle.nft);
  const cgroups = new Cgroups(detectCgroups());
  const observe = async (): Promise<object> => ({
    // Of what the whole machine shares only what this test names, since others change it meanwhile.
    links: (await links.list()).filter(({ ifname }) => ifname === "kedgejournal0"),
    routes: (await links.routes()).filter(({ dst }) => dst.startsWith("198.18.21")),
    tables: (await nft.tables()).filter(({ name }) => name === "kedge_journal_test"),
    mounted: await isMountPoint(join(folder, "memory")),
    cgroup: await cgroups.exists("/kedge-journal-test"),
    file: readFileSync(join(folder, "file"), "utf8"),
    fresh: existsSync(join(folder, "fresh")),
    sysctl: readSysctl("net.ipv4.ip_default_ttl"),
  });
  writeFileSync(join(folder, "file"), "before");
  const before = await observe();

  const change = async (journal: HostJournal): Promise<void> => {
    journal.record({ kind: "link", name: "kedgejournal0" });
    await links.apply([
      "link add kedgejournal0 type bridge",
      "addr add 198.18.213.1/24 dev kedgejournal0",
      "link set kedgejournal0 up",
    ]);
    journal.record({ kind: "route", family: "inet", route: "198.18.214.0/24 dev lo" });
    await links.apply(["route add 198.18.214.0/24 dev lo"]);
    journal.record({ kind: "nft-table", family: "inet", name: "kedge_journal_test" });
    await nft.apply("table inet kedge_journal_test {\n  chain here {\n  }\n}\n");
    journal.record({ kind: "mounts", path: join(folder, "memory") });
    await mountTmpfs(join(folder, "memory"), { sizeBytes: 65536 });
    await mountTmpfs(join(folder, "memory/inner"));
    journal.record({ kind: "cgroup", path: "/kedge-journal-test" });
    await cgroups.ensure("/kedge-journal-test/pod", {
      cpuShares: 512,
      cpuLimitMillis: 250,
      memoryBytesMax: 1 << 25,
      pidsMax: 50,
    });
    journal.record({ kind: "file", path: join(folder, "file"), before: "before" });
    writeFileSync(join(folder, "file"), "after");
    journal.record({ kind: "folder", path: join(folder, "fresh"), content: "ours" });
    mkdirSync(join(folder, "fresh/deep"), { recursive: true });
    setSysctl("net.ipv4.ip_default_ttl", "63", journal);
  };
  try {
    await change(new HostJournal(path));
    assert.equal(await isMountPoint(join(folder, "memory/inner")), true);
    assert.equal((await cgroups.usage("/kedge-journal-test/pod"))?.processes, 0);
    // A crash in the middle of a line; what the next start writes again is known already.
    appendFileSync(path, '{"kind":"link","na');
    const lines = readFileSync(path, "utf8").split("\n").length;
    const again = new HostJournal(path);
    again.record({ kind: "file", path: join(folder, "file"), before: "after" });
    assert.equal(readFileSync(path, "utf8").split("\n").length, lines);
    again.record({ kind: "folder", path: join(folder, "other"), content: "shared" });
  } finally {
    assert.deepEqual(await undo(path, bundle), []);
  }
  assert.deepEqual(await observe(), before);
  assert.equal(existsSync(path), false);
  rmSync(folder, { recursive: true });
});

test("a change that a full disk takes only a part of is not recorded, so that it is not made", async () => {
  const folder = mkdtempSync("/tmp/kedge-journal-test-");
  await mountTmpfs(folder, { sizeBytes: 65_536 });
  try {
    const path = join(folder, "journal.jsonl");
    const journal = new HostJournal(path);
    journal.record({ kind: "link", name: "first" });
    writeFileSync(join(folder, "others"), "x".repeat(53_248));
    const long = { kind: "mounts", path: `/${"long/".repeat(3_000)}` } as const;
    assert.throws(() => journal.record(long), { code: "ENOSPC" });
    rmSync(join(folder, "others"));
    journal.record(long);
    assert.equal(readFileSync(path, "utf8").trimEnd().split("\n").at(-1), JSON.stringify(long));
  } finally {
    await unmountBelow(folder);
    rmSync(folder, { recursive: true });
  }
});

test("nftables refuses a script as a whole, and names the line", async () => {
  const bundle = must(locateBundle(root), "the bundle was built above");
  const nft = new Nftables(bundle.nft);
  const script = "table inet kedge_refused {\n  chain here {\n    tcp dport nonsense accept\n  }\n}\n";
  await assert.rejects(nft.apply(script), /refused the rule "tcp dport nonsense accept" \(line 3\)/);
  assert.equal(await nft.table({ family: "inet", name: "kedge_refused" }), undefined);
});
