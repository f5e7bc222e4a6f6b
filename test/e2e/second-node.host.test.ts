/** A node in a network namespace of its own joins a cluster: as near to a second machine as one machine has. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { before, test } from "node:test";
import {
  atEnd,
  bundle,
  command,
  kedge,
  launcher,
  newPlace,
  placeImages,
  Server,
  startAgent,
  type Place,
} from "./kedge.ts";

const segment = `198.18.${process.pid % 200}`;
const block = 76 + (process.pid % 25) * 2;
const networks = [`10.${block}.0.0/16`, `10.${block + 1}.0.0/16`] as const;
const [near, far] = [`${segment}.1`, `${segment}.2`];
// Of this process: another run may go on beside this one.
const namespace = `kedge-e2e-${process.pid}`;
const link = `ke${process.pid}`;
const inNamespace = ["nsenter", `--net=/run/netns/${namespace}`];
let place: Place;
let second: Place;
let server: Server;

before(async () => {
  const { ip } = await bundle();
  const run = (...args: readonly string[]): unknown => execFileSync(ip, args);
  run("netns", "add", namespace);
  atEnd(() => run("netns", "delete", namespace));
  run("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", namespace);
  run("address", "add", `${near}/24`, "dev", link);
  run("link", "set", link, "up");
  run("-n", namespace, "address", "add", `${far}/24`, "dev", "eth0");
  for (const name of ["lo", "eth0"]) run("-n", namespace, "link", "set", name, "up");
  run("-n", namespace, "route", "add", "default", "via", near);
  place = await newPlace(networks, "--node-ip", near, "--advertise-address", near);
  second = await newPlace(networks);
  // Before its namespace goes, from inside of it.
  atEnd(() =>
    command("nsenter", [...inNamespace.slice(1), launcher, "uninstall", "--data-dir", second.dataDir, "--yes"]),
  );
  for (const one of [place, second]) await placeImages(one, "toolbox");
  server = await Server.start(place, "--node-name", "first");
});

test("an agent without the right token is refused in one sentence", async () => {
  const args = [
    "--server",
    `https://${near}:${place.port}`,
    "--data-dir",
    join(place.folder, "agent"),
    "--config",
    "/dev/null",
  ];
  const wrong = await kedge("agent", ...args, "--token", `K10${"0".repeat(64)}::node:guessed`);
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /^kedge: expected a server whose CA has the hash in the token.*\n$/);
  assert.equal((await kedge("agent", ...args)).code, 2);
});

test("a second node runs pods, and pods reach each other and Services across nodes", async () => {
  const token = join(place.dataDir, "server/agent-token");
  const args = ["--server", `https://${near}:${place.port}`, "--token-file", token, "--node-name", "second"];
  startAgent(inNamespace, ["--data-dir", second.dataDir, "--config", "/dev/null", ...args]);
  await server.kubectl("wait", "node/second", "--for=create", "--timeout=30s");
  await server.kubectl("wait", "node/second", "--for=condition=Ready", "--timeout=30s");
  for (const node of ["first", "second"])
    await server.apply(`
apiVersion: v1
kind: Pod
metadata: { name: on-${node}, labels: { on: ${node} } }
spec:
  nodeSelector: { kubernetes.io/hostname: ${node} }
  terminationGracePeriodSeconds: 1
  containers:
    - { name: main, image: "kedge.local/toolbox:1", command: [busybox, httpd, -f, -p, "80", -h, /etc] }
---
apiVersion: v1
kind: Service
metadata: { name: on-${node} }
spec: { selector: { on: ${node} }, ports: [{ port: 80 }] }
`);
  await server.kubectl("wait", "pods", "--all", "--for=condition=Ready", "--timeout=60s");
  for (const [from, to] of [
    ["first", "second"],
    ["second", "first"],
  ]) {
    const address = await server.kubectl("get", "pod", `on-${to}`, "-o", "jsonpath={.status.podIP}");
    const name = `on-${to}.default.svc.cluster.local`;
    const urls = [address, name].map((host) => `http://${host}/hostname`);
    const retry = ["--retry", "10", "--retry-all-errors", "--retry-delay", "1"];
    const said = await server.kubectl("exec", `on-${from}`, "--", "curl", "-fsS", ...retry, ...urls);
    assert.equal(said, `on-${to}\non-${to}\n`);
  }
  assert.equal(await server.kubectl("logs", "on-second"), "");
  await server.kubectl("drain", "second", "--force", "--timeout=30s");
  assert.equal((await server.kubectl("get", "pods", "-o", "name")).trim(), "pod/on-first");
});
