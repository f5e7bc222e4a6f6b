import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseYaml } from "#wire/yaml.ts";
import { localServer, writeKubeconfig } from "./kubeconfig.ts";

test("the file says where, whom to trust and who, with the mode that was asked for", () => {
  const folder = mkdtempSync(join(tmpdir(), "kedge-kubeconfig-"));
  const path = join(folder, "etc/kedge.yaml");
  const parts = { server: localServer("0.0.0.0", 6443), serverCa: "ca", client: { certificate: "cert", key: "key" } };
  writeKubeconfig(path, parts, "0640");
  const encoded = (text: string): string => Buffer.from(text).toString("base64");
  assert.deepEqual(parseYaml(readFileSync(path, "utf8")), {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "default",
    clusters: [
      { name: "default", cluster: { server: "https://127.0.0.1:6443", "certificate-authority-data": encoded("ca") } },
    ],
    contexts: [{ name: "default", context: { cluster: "default", user: "default" } }],
    users: [
      { name: "default", user: { "client-certificate-data": encoded("cert"), "client-key-data": encoded("key") } },
    ],
  });
  assert.equal(statSync(path).mode & 0o777, 0o640);
  rmSync(folder, { recursive: true });
});

test("an address that stands for all is reached as loopback", () => {
  const hosts = ["0.0.0.0", "::", "192.0.2.1", "fd00::1"].map((address) => localServer(address, 1));
  assert.deepEqual(hosts, ["https://127.0.0.1:1", "https://[::1]:1", "https://192.0.2.1:1", "https://[fd00::1]:1"]);
});
