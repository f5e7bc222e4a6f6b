import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { clusterDns, type Config, ConfigError, readConfig, type Role, serviceAddress } from "./config.ts";

const folder = mkdtempSync(join(tmpdir(), "kedge-config-"));
after(() => rmSync(folder, { recursive: true }));

let files = 0;

/** A configuration file with further ones beside it. */
function file(text: string, dropIns: Readonly<Record<string, string>> = {}): string {
  const path = join(folder, `${(files += 1)}.yaml`);
  writeFileSync(path, text);
  mkdirSync(`${path}.d`);
  for (const [name, content] of Object.entries(dropIns)) writeFileSync(join(`${path}.d`, name), content);
  return path;
}

async function read(args: readonly string[], env: Record<string, string> = {}, role: Role = "server"): Promise<Config> {
  const outcome = await readConfig(role, { args, env });
  assert.ok(outcome.kind === "config");
  return outcome.config;
}

async function refusal(
  args: readonly string[],
  env: Record<string, string> = {},
  role: Role = "server",
): Promise<string> {
  try {
    await read(args, env, role);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    assert.equal(error.exitCode, 2);
    return error.message;
  }
  return "";
}

const empty = file("");

test("without a word the defaults hold", async () => {
  const config = await read(["--config", empty]);
  assert.deepEqual([config.dataDir, config.httpsListenPort, config.disableAgent], ["/var/lib/kedge", 6443, false]);
  assert.deepEqual([config.tlsSan, config.token, config.writeKubeconfigMode], [[], undefined, "0600"]);
  assert.deepEqual([clusterDns(config), serviceAddress(config, 1)], ["10.43.0.10", "10.43.0.1"]);
});

test("flags come in every usual form", async () => {
  const args = [
    "-c",
    empty,
    "-d=/data",
    "--https-listen-port",
    "7443",
    "--debug",
    "--disable-agent=false",
    "--v=2",
    "-v",
    "4",
  ];
  const config = await read([...args, "--disable", "dns,proxy", "--disable=ttl-controller", "--token", "-"]);
  assert.deepEqual(
    [config.dataDir, config.httpsListenPort, config.debug, config.disableAgent],
    ["/data", 7443, true, false],
  );
  assert.deepEqual([config.v, config.disable, config.token], [4, ["dns", "proxy", "ttl-controller"], "-"]);
});

test("a flag wins over the file, the file over the environment, kedge's variable over K3s'", async () => {
  const path = file("data-dir: /file\ntls-san: [a, b]\n");
  const env = {
    KEDGE_CONFIG_FILE: path,
    KEDGE_DATA_DIR: "/env",
    KEDGE_TOKEN: "ours",
    K3S_TOKEN: "theirs",
    K3S_NODE_NAME: "n1",
  };
  const config = await read(["--tls-san", "c"], env);
  assert.deepEqual([config.dataDir, config.tlsSan, config.token, config.nodeName], ["/file", ["c"], "ours", "n1"]);
});

test("a later file replaces a key, and adds to it with a plus", async () => {
  const path = file("disable: [dns]\nnode-label: x=1\ndebug: true\nwrite-kubeconfig-mode: 0644\nv: 5\n", {
    "10.yaml": "disable+: proxy\nnode-label+: [y=2]\nv: 6\n",
    "20.yml": "node-label: [z=3]\n",
    "30.txt": "v: 7\n",
  });
  const config = await read(["-c", path]);
  assert.deepEqual([config.disable, config.nodeLabel, config.v], [["dns", "proxy"], ["z=3"], 6]);
  assert.deepEqual([config.debug, config.writeKubeconfigMode], [true, "0644"]);
});

test("what is unknown or of the wrong kind is one sentence with the place and the nearest name", async () => {
  const bad = (text: string): string[] => ["-c", file(text)];
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [
      ["--data-dri", "/x"],
      /^expected a setting of kedge server for a flag, found "data-dri"; the nearest is "data-dir"$/,
    ],
    [["--xyzzy-plugh-quux", "1"], /found "xyzzy-plugh-quux"$/],
    [["serve"], /^expected a flag like --data-dir, found "serve"$/],
    [["--token"], /^expected a value after flag --token, found the end of the command$/],
    [
      ["--https-listen-port", "70000"],
      /^expected a number from 1 to 65535 for flag --https-listen-port, found "70000"$/,
    ],
    [["--debug=maybe"], /^expected true or false for flag --debug, found "maybe"$/],
    [["--cluster-cidr", "10.42.0.1/16"], /^expected a network without bits behind its prefix for flag --cluster-cidr/],
    [["--service-cidr", "10.0.0.0/30"], /at least 16 addresses/],
    [["--bind-address", "a_b"], /^expected an IP address or a DNS name for flag --bind-address, found "a_b"$/],
    [["--node-taint", "a=b"], /^expected a taint like key=value:NoSchedule for flag --node-taint, found "a=b"$/],
    [["--node-label", "a=b,=c"], /^expected a label .* found "=c"$/],
    [["--server", "https://x"], /which only kedge agent has$/],
    [["--service-node-port-range", "9-1"], /^expected two ports/],
    [["--token", "a", "--token-file", "b"], /^expected one of --token and --token-file/],
    [["--cluster-dns", "10.42.0.10"], /^expected an address inside --service-cidr 10.43.0.0\/16 for --cluster-dns/],
    [["--cluster-cidr", "10.0.0.0/8"], /^expected two networks that do not overlap/],
    [["--cluster-dns", "10.43.0.1"], /^expected another address for --cluster-dns than the API's service address/],
    [["--cluster-dns", "fd00::a"], /^expected an IPv4 address/],
    [["--node-ip", "fd00::1"], /^expected an IPv4 address \(IPv6 is not supported yet\) for flag --node-ip/],
    [["--advertise-address", "10.42.3.4"], /^expected an address of this machine .* which is inside 10\.42\.0\.0\/16/],
    [["--node-ip", "10.43.0.7"], /inside 10\.43\.0\.0\/16/],
    [["--https-listen-port", "30000"], /outside of --service-node-port-range 30000-32767/],
    [["--fake-nodes", "-1"], /^expected a number from 0 to 20000 for flag --fake-nodes, found "-1"$/],
    [
      ["--fake-nodes", "256"],
      /^expected room in --cluster-cidr for 257 networks of \/24, .* found 256 in 10\.42\.0\.0/,
    ],
    [["--disable-agent", "--node-label", "a=b"], /^expected no --node-label beside --disable-agent/],
    [["--disable-agent", "--node-taint", "a=b:NoSchedule"], /^expected no --node-taint beside --disable-agent/],
    [["--disable", "service-account"], /found "service-account"; the nearest is "service-account-controller"$/],
    [
      ["--disable", "dns,treafik"],
      /^expected for --disable one of dns, coredns, proxy, local-storage, .* found "treafik"$/,
    ],
    [["-c", join(folder, "none")], /^expected to read the configuration file .*\/none, found ENOENT/],
    [
      bad("tokn: x"),
      /^expected a setting of kedge server for key "tokn" of .*\.yaml, found "tokn"; the nearest is "token"$/,
    ],
    [
      bad("https-listen-port: [1]"),
      /^expected a number from 1 to 65535 for key "https-listen-port" of .*, found \[1\]$/,
    ],
    [bad("token+: x"), /^expected a list for key "token\+"/],
    [bad("tls-san: [{a: 1}]"), /^expected a list of texts/],
    [bad("a: b: c"), /^expected YAML in .*\.yaml, found yaml: line 1: /],
    [bad("- a"), /^expected keys and values in/],
  ];
  for (const [args, message] of cases) assert.match(await refusal(["-c", empty, ...args]), message);
  assert.match(await refusal(["-c", empty], { KEDGE_DEBUG: "x" }), /^expected true or false for variable KEDGE_DEBUG/);
});

test("an agent needs a server and a token, and has no settings of a server", async () => {
  const url = "https://192.0.2.1:6443";
  assert.match(await refusal(["-c", empty], {}, "agent"), /--server, found none/);
  assert.match(await refusal(["-c", empty, "-s", url], {}, "agent"), /--token, found none/);
  for (const wrong of ["http://x", "https://x/path", "https://x?a", "https://u@x"])
    assert.match(await refusal(["-c", empty, "-s", wrong], {}, "agent"), /^expected an https URL/);
  assert.match(await refusal(["--cluster-cidr", "10.0.0.0/8"], {}, "agent"), /which only kedge server has$/);
  const config = await read(["-c", empty], { K3S_URL: url, K3S_TOKEN: "t" }, "agent");
  assert.deepEqual([config.server, config.token], [url, "t"]);
});

test("the help names every flag with its default and variable", async () => {
  const outcome = await readConfig("server", { args: ["--help"], env: {} });
  assert.ok(outcome.kind === "help");
  assert.match(outcome.text, /^ {2}--data-dir, -d DIR +\S.*\(default: \/var\/lib\/kedge\) \[KEDGE_DATA_DIR\]$/m);
  assert.match(outcome.text, /^ {2}--disable-agent +\S/m);
});
