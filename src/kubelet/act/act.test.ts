/** What a container is told: variables, names, name servers, its own facts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Container } from "#resources/core/container.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { Service } from "#resources/core/service.ts";
import type { Image } from "#host/cri.ts";
import { dnsOf, hostsFile, namesOf, parseResolvConf } from "./dns.ts";
import { fieldValue, resourceValue, type PodFacts } from "./downward.ts";
import { environmentOf } from "./environment.ts";
import { expand, expandAll, expandStrictly } from "./expand.ts";
import { containerSecurity } from "./security.ts";
import { serviceEnvironment, visibleServices } from "./service-env.ts";
import { sysctlRefusal } from "./sysctls.ts";

const container: Container = {
  name: "main",
  image: "busybox:1",
  resources: { limits: { memory: "64Mi" }, requests: { cpu: "1500m" } },
};

function podOf(spec: Partial<Pod["spec"]> = {}): Pod {
  const metadata = {
    name: "web-0",
    namespace: "shop",
    uid: "u1",
    labels: { b: 'x"y', a: "1" },
    annotations: { note: "n" },
  };
  return { apiVersion: "v1", kind: "Pod", metadata, spec: { containers: [container], ...spec }, status: {} };
}

const factsOf = (pod: Pod): PodFacts => ({
  pod,
  podIps: ["10.0.0.5", "fd00::5"],
  hostIps: ["192.0.2.1"],
  allocatable: { cpu: "2", memory: "4Gi" },
});

test("$(NAME) is replaced where it is known, and $$ escapes", () => {
  const values = new Map([["A", "1"]]);
  const cases = {
    "$(A)": "1",
    "$$(A)": "$(A)",
    "$(B)": "$(B)",
    "$A ${A} $": "$A ${A} $",
    "x$(A)$(A)y": "x11y",
    "$$$(A)": "$1",
  };
  for (const [text, expected] of Object.entries(cases)) assert.equal(expand(text, values), expected, text);
  assert.throws(() => expandStrictly("$(B)", values), { message: 'missing value for "B"' });
});

test("a text that names itself again and again is refused before it is as long as no program could be given", () => {
  const values = new Map<string, string>([["V0", "x".repeat(1024)]]);
  const grow = (): void => {
    for (let step = 1; step < 40; step += 1) values.set(`V${step}`, expand(`$(V${step - 1})$(V${step - 1})`, values));
  };
  assert.throws(grow, { name: "ExpansionError", message: /^expected at most 131072 characters after expansion/ });
  assert.ok((values.get("V7") ?? "").length === 131_072);
  const text = "$(V7)".repeat(100_000);
  assert.throws(() => expand(text, values), { name: "ExpansionError" });
});

test("what no program could be given is refused before it is made, however small what names it", async () => {
  const large = "x".repeat(1_000_000);
  const references = {
    configMap: async () => ({ apiVersion: "v1", kind: "ConfigMap", metadata: {}, data: { KEY: large } }),
    secret: async () => undefined,
  };
  const reading = (from: Partial<Container>): Promise<unknown> =>
    environmentOf({
      facts: factsOf(podOf()),
      container: { ...container, ...from },
      references,
      services: new Map(),
    });
  const numbers = Array.from({ length: 7 }, (_, number) => `V${number}`);
  const refused = { name: "ExpansionError", message: /^expected at most 6291456 characters/ };
  const configMapKeyRef = { name: "m", key: "KEY" };
  await assert.rejects(
    reading({ envFrom: numbers.map((prefix) => ({ prefix, configMapRef: { name: "m" } })) }),
    refused,
  );
  await assert.rejects(reading({ env: numbers.map((name) => ({ name, valueFrom: { configMapKeyRef } })) }), refused);
  const values = new Map([["V", "x".repeat(131_072)]]);
  assert.throws(
    () =>
      expandAll(
        Array.from({ length: 49 }, () => "$(V)"),
        values,
      ),
    refused,
  );
});

test("references that never end cost no more than their length", () => {
  const text = "$(".repeat(60_000);
  const startMs = performance.now();
  assert.equal(expand(text, new Map()), text);
  assert.ok(performance.now() - startMs < 1000);
});

test("a pod learns its own fields and resources", () => {
  const facts = factsOf(podOf());
  const field = (fieldPath: string): string => fieldValue(facts, { fieldPath });
  assert.deepEqual(
    ["metadata.name", "metadata.labels", "metadata.annotations['note']", "status.podIPs", "status.hostIP"].map(field),
    ["web-0", 'a="1"\nb="x\\"y"', "n", "10.0.0.5,fd00::5", "192.0.2.1"],
  );
  assert.throws(() => field("spec.none"), { message: "unsupported fieldPath: spec.none" });
  const resource = (name: string, divisor = "0"): string =>
    resourceValue(facts, { resource: name, divisor }, container);
  assert.deepEqual(
    [
      resource("requests.cpu"),
      resource("requests.cpu", "1m"),
      resource("limits.cpu"),
      resource("limits.memory", "1Mi"),
    ],
    ["2", "1500", "2", "64"],
  );
});

test("the environment has services, then envFrom, then env, the later over the earlier", async () => {
  const own: Container = {
    ...container,
    envFrom: [{ prefix: "P_", configMapRef: { name: "settings" } }, { secretRef: { name: "none", optional: true } }],
    env: [
      { name: "A", value: "a" },
      { name: "B", value: "$(A)-$(P_KEY)-$(WEB_PORT)" },
      { name: "S", valueFrom: { secretKeyRef: { name: "secret", key: "pass" } } },
      { name: "GONE", valueFrom: { configMapKeyRef: { name: "settings", key: "none", optional: true } } },
    ],
  };
  const meta = { apiVersion: "v1", metadata: {} };
  const references = {
    configMap: async () => ({ ...meta, kind: "ConfigMap", data: { KEY: "k" } }),
    secret: async (name: string) =>
      name === "none" ? undefined : { ...meta, kind: "Secret", data: { pass: Buffer.from("word").toString("base64") } },
  };
  const input = { facts: factsOf(podOf()), container: own, references, services: new Map([["WEB_PORT", "80"]]) };
  assert.deepEqual(Object.fromEntries(await environmentOf(input)), {
    WEB_PORT: "80",
    P_KEY: "k",
    A: "a",
    B: "a-k-80",
    S: "word",
  });
  const missing = { ...own, env: [{ name: "X", valueFrom: { configMapKeyRef: { name: "settings", key: "none" } } }] };
  await assert.rejects(environmentOf({ ...input, container: missing }), {
    message: "couldn't find key none in ConfigMap shop/settings",
  });
});

test("services with an address show in the environment, the API server's always", () => {
  const service = (name: string, namespace: string, clusterIP: string): Service => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace },
    spec: { clusterIP, ports: [{ name: "http", port: 80, protocol: "TCP" }] },
    status: { loadBalancer: {} },
  });
  const all = [
    service("kubernetes", "default", "10.96.0.1"),
    service("my-db", "shop", "10.96.0.9"),
    service("headless", "shop", "None"),
  ];
  assert.deepEqual(
    visibleServices(all, "shop", false).map((one) => one.metadata.name),
    ["kubernetes"],
  );
  const environment = Object.fromEntries(serviceEnvironment(visibleServices(all, "shop", true)));
  assert.deepEqual(
    [environment["MY_DB_SERVICE_HOST"], environment["MY_DB_SERVICE_PORT_HTTP"], environment["MY_DB_PORT_80_TCP"]],
    ["10.96.0.9", "80", "tcp://10.96.0.9:80"],
  );
  assert.ok("KUBERNETES_SERVICE_HOST" in environment && !("HEADLESS_SERVICE_HOST" in environment));
});

test("name servers follow the pod's policy and its own settings", () => {
  const cluster = { servers: ["10.96.0.10"], domain: "cluster.local" };
  const host = parseResolvConf("# node\nnameserver 192.0.2.53\nsearch example.com.\noptions timeout:1\n");
  const first = dnsOf(podOf({ dnsPolicy: "ClusterFirst" }), cluster, host);
  assert.deepEqual(first, {
    servers: ["10.96.0.10"],
    searches: ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "example.com"],
    options: ["ndots:5"],
  });
  assert.deepEqual(dnsOf(podOf({ dnsPolicy: "ClusterFirst", hostNetwork: true }), cluster, host), host);
  assert.deepEqual(dnsOf(podOf({ dnsPolicy: "ClusterFirstWithHostNet", hostNetwork: true }), cluster, host), first);
  const dnsConfig = {
    nameservers: ["1.1.1.1"],
    searches: ["a.b"],
    options: [{ name: "ndots", value: "2" }, { name: "edns0" }],
  };
  assert.deepEqual(dnsOf(podOf({ dnsPolicy: "None", dnsConfig }), cluster, host), {
    servers: ["1.1.1.1"],
    searches: ["a.b"],
    options: ["ndots:2", "edns0"],
  });
  assert.deepEqual(dnsOf(podOf({ dnsConfig }), cluster, host).options, ["ndots:2", "edns0"]);
});

test("a pod's names are its host name and, below a service, its full name", () => {
  const below = podOf({ hostname: "db", subdomain: "dbs", hostAliases: [{ ip: "1.2.3.4", hostnames: ["x", "y"] }] });
  const names = namesOf(below, "cluster.local");
  assert.deepEqual(names, { hostname: "db", domain: "dbs.shop.svc.cluster.local" });
  const file = hostsFile(below, names, { ips: ["10.0.0.5"], hostFile: "" });
  assert.match(file, /^# Kubernetes-managed hosts file\.\n/);
  assert.match(
    file,
    /^10\.0\.0\.5\tdb\.dbs\.shop\.svc\.cluster\.local\tdb\n\n# Entries added by HostAliases\.\n1\.2\.3\.4\tx\ty\n$/m,
  );
  assert.equal(
    namesOf(podOf({ hostname: "db", subdomain: "dbs", setHostnameAsFQDN: true }), "cluster.local").hostname,
    "db.dbs.shop.svc.cluster.local",
  );
  assert.match(
    hostsFile(podOf({ hostNetwork: true }), names, { ips: [], hostFile: "h\n" }),
    /\(host network\)\.\nh\n$/,
  );
});

test("a container that may not run as root is refused when it would, or might", () => {
  const image: Image = { id: "i", repoTags: [], repoDigests: [], size: 1, username: "", pinned: false };
  const run = (securityContext: NonNullable<Container["securityContext"]>, as: Partial<Image>): string => {
    try {
      const input = {
        pod: podOf(),
        container: { ...container, securityContext },
        image: { ...image, ...as },
        seccompFolder: "",
      };
      return String(containerSecurity(input).runAsUser?.value);
    } catch (error) {
      return String(error).replace(/ \(pod: .*/, "");
    }
  };
  assert.equal(run({ runAsNonRoot: true, runAsUser: 5 }, {}), "5");
  assert.equal(run({ runAsNonRoot: true }, { uid: { value: 7 } }), "7");
  assert.match(run({ runAsNonRoot: true, runAsUser: 0 }, {}), /container's runAsUser breaks non-root policy$/);
  assert.match(run({ runAsNonRoot: true }, {}), /image will run as root$/);
  assert.match(
    run({ runAsNonRoot: true }, { username: "app" }),
    /image has non-numeric user \(app\), cannot verify user is non-root$/,
  );
});

test("only safe kernel settings, and those the node allows, may be set", () => {
  const refusal = (
    name: string,
    spec: Partial<Pod["spec"]> = {},
    allowed: readonly string[] = [],
  ): string | undefined =>
    sysctlRefusal(podOf({ securityContext: { sysctls: [{ name, value: "1" }] }, ...spec }), allowed);
  assert.equal(refusal("net.ipv4.tcp_syncookies"), undefined);
  assert.equal(refusal("net/ipv4/tcp_syncookies"), undefined);
  assert.equal(refusal("kernel.msgmax"), 'forbidden sysctl: "kernel.msgmax" not allowlisted');
  assert.equal(refusal("kernel.msgmax", {}, ["kernel.msg*"]), undefined);
  assert.match(refusal("net.ipv4.tcp_syncookies", { hostNetwork: true }) ?? "", /not allowed with host net enabled$/);
});
