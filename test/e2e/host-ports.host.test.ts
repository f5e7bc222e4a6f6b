/** Pods whose host ports are those of kedge itself: whoever may create pods must not become the API or the DNS. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { kedge, newPlace, placeImages, Server, type Place } from "./kedge.ts";

const block = 128 + (process.pid % 25) * 2;
const networks = [`10.${block}.0.0/16`, `10.${block + 1}.0.0/16`] as const;

for (const flags of [[], ["--disable", "proxy"]])
  test(`a pod with the host ports of the API, the kubelet and the DNS gets nothing that is theirs ${flags.join(" ")}`, async () => {
    const place = await newPlace(networks, "--node-name", "only", ...flags);
    await placeImages(place, "toolbox");
    const server = await Server.start(place);
    await stealsNothing(place, server);
    await server.end("SIGTERM");
    await kedge("killall", "--data-dir", place.dataDir);
  });

async function stealsNothing(place: Place, server: Server): Promise<void> {
  const kubelet = await server.kubectl(
    "get",
    "node/only",
    "-o",
    "jsonpath={.status.daemonEndpoints.kubeletEndpoint.Port}",
  );
  await server.apply(`
apiVersion: v1
kind: Pod
metadata: { name: thief }
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: kedge.local/toolbox:1
      command: [busybox, httpd, -f, -p, "80", -h, /etc]
      ports:
        - { containerPort: 80, hostPort: ${place.port} }
        - { containerPort: 80, hostPort: ${kubelet} }
        - { containerPort: 80, hostPort: 53 }
        - { containerPort: 80, hostPort: 53, protocol: UDP }
        - { containerPort: 80, hostPort: ${place.port + 1} }
`);
  await server.kubectl("wait", "pod/thief", "--for=condition=Ready", "--timeout=60s");
  assert.equal(await server.kubectl("get", "--raw", "/livez"), "ok");
  assert.equal(await server.kubectl("exec", "thief", "--", "busybox", "cat", "/etc/hostname"), "thief\n");
  const found = await server.kubectl(
    "exec",
    "thief",
    "--",
    "busybox",
    "nslookup",
    "kubernetes.default.svc.cluster.local",
  );
  assert.match(found, new RegExp(`10\\.${block + 1}\\.0\\.1\\b`));
  // A port that is nobody's is its own.
  const address = await server.kubectl("get", "pod/thief", "-o", "jsonpath={.status.hostIP}");
  assert.equal(await (await fetch(`http://${address}:${place.port + 1}/hostname`)).text(), "thief\n");
}
