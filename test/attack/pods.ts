/** Hostile pods on the node: without any right, and with nothing but what a tenant may say in a pod. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { costlyPods } from "./costly-pods.ts";
import { dropExecs } from "./dropped-execs.ts";
import { observed, type AttackOutcome } from "./observed.ts";
import {
  at,
  container,
  emptyDir,
  hasEnded,
  isRefused,
  isRunning,
  logsOf,
  namespace,
  podMs,
  pollMs,
  prepareNamespace,
  start,
  until,
  work,
  type Stage as PodStage,
} from "./pod-stage.ts";
import type { IsWanted, Row } from "./report.ts";
import type { AttackedServer } from "./server.ts";

const secret = "what only the machine may know";
const clusterDns = "10.241.0.10";
const logMegabytesMax = 300;
// Connections of the bystander and of our own come and go.
const descriptorsLeftMax = 10;

interface Stage extends PodStage {
  /** A folder of the machine that only root may read, with the secret in the file "message". */
  readonly folder: string;
}

/** Broken when the secret is in anything the pod gave back. */
async function leaks(stage: Stage, name: string, containers?: readonly string[]): Promise<AttackOutcome> {
  const status = await until(stage, name, (one) => hasEnded(one) || isRefused(one));
  const all = JSON.stringify(status) + (await logsOf(stage, name, containers));
  const said = status.containerStatuses?.[0]?.state?.waiting?.reason ?? status.phase ?? "nothing";
  return all.includes(secret) ? { outcome: `GAINED ${secret}`, broken: true } : { outcome: said, broken: false };
}

function megabytesBelow(folder: string): number {
  let sum = 0;
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }))
    try {
      sum += statSync(join(folder, name)).size;
    } catch {
      continue; // It was removed meanwhile.
    }
  return sum / 1024 / 1024;
}

const attacks: Readonly<Record<string, readonly [promised: string, attack: (stage: Stage) => Promise<AttackOutcome>]>> =
  {
    "last words through a link": [
      "nothing of the machine",
      async (stage) => {
        const swap = `mv /work/d /work/old && ln -s ${stage.folder} /work/d && echo swapped`;
        await start(stage, "words", {
          volumes: [emptyDir],
          initContainers: [
            container("mkdir /work/d && touch /work/d/message", { name: "first", volumeMounts: [work] }),
          ],
          containers: [
            container(swap, {
              volumeMounts: [work, { name: "work", mountPath: "/out", subPath: "d/message" }],
              terminationMessagePath: "/out",
            }),
          ],
        });
        return leaks(stage, "words");
      },
    ],
    "a sub-path that is a link": [
      "nothing of the machine",
      async (stage) => {
        await start(stage, "link", {
          volumes: [emptyDir],
          initContainers: [container(`ln -s ${stage.folder} /work/d`, { name: "first", volumeMounts: [work] })],
          containers: [container("cat /part/*", { volumeMounts: [{ ...work, mountPath: "/part", subPath: "d" }] })],
        });
        return leaks(stage, "link");
      },
    ],
    "a sub-path that is swapped meanwhile": [
      "nothing of the machine",
      async (stage) => {
        const swaps = `mkdir -p /work/d; cd /work; i=0; while [ $i -lt 2000 ]; do mv d a; ln -s ${stage.folder} d; rm d; mv a d; i=$((i+1)); done`;
        const looks = Array.from({ length: 8 }, (_, index) => `look-${index}`);
        await start(stage, "race", {
          volumes: [emptyDir],
          containers: [
            container(swaps, { volumeMounts: [work] }),
            ...looks.map((name) =>
              container("cat /part/message", { name, volumeMounts: [{ ...work, mountPath: "/part", subPath: "d" }] }),
            ),
          ],
        });
        return leaks(stage, "race", looks);
      },
    ],
    "writes to what the API gives": [
      "what the API gives is read-only",
      async (stage) => {
        await stage.admin.ask(`POST ${at}/configmaps`, { body: { metadata: { name: "given" }, data: { a: "b" } } });
        await start(stage, "given", {
          volumes: [{ name: "work", configMap: { name: "given" } }],
          containers: [
            container(
              `cd /work; for f in a ..data x; do rm -f $f || true; ln -s ${stage.folder} $f && echo WROTE; done; echo "read $(cat a)"`,
              {
                securityContext: {},
                volumeMounts: [work],
              },
            ),
          ],
        });
        await until(stage, "given", hasEnded);
        const log = await logsOf(stage, "given");
        if (log.includes("WROTE")) return { outcome: "wrote into it", broken: true };
        // A line of its own: what a container says on both its streams comes in any order.
        const read = log.split("\n").includes("read b");
        return { outcome: read ? "read it, and wrote nothing" : `did not read it: ${log}`, broken: !read };
      },
    ],
    "a log that floods": [
      `at most ${logMegabytesMax} MB on the disk`,
      async (stage) => {
        await start(stage, "flood", {
          containers: [container("busybox yes 0123456789012345678901234567890123456789 | busybox head -c 600000000")],
        });
        let most = 0;
        const endMs = performance.now() + podMs;
        for (let ended = false; !ended && performance.now() < endMs;) {
          ended = await Promise.race([until(stage, "flood", hasEnded).then(() => true), sleep(500).then(() => false)]);
          most = Math.max(most, megabytesBelow(join(stage.server.dataFolder, "agent/pod-logs")));
        }
        return { outcome: `${most.toFixed(0)} MB of logs at most`, broken: most > logMegabytesMax };
      },
    ],
    "processes without end": [
      "others are served",
      async (stage) => {
        await start(stage, "forks", {
          containers: [
            container(
              "i=0; while [ $i -lt 4000 ]; do busybox sleep 20 & i=$((i+1)); done; echo made; busybox sleep 3",
              {
                resources: { limits: { memory: "64Mi", cpu: "500m" } },
              },
            ),
          ],
        });
        const { phase = "", reason = "" } = await until(stage, "forks", hasEnded);
        return { outcome: `${phase} ${reason}`.trim(), broken: false };
      },
    ],
    "questions to the DNS without end": [
      "another pod's question is answered",
      async (stage) => {
        const idle = `i=0; while [ $i -lt 300 ]; do busybox nc ${clusterDns} 53 < /dev/zero > /dev/null 2>&1 & busybox sh -c 'busybox sleep 30' | busybox nc ${clusterDns} 53 & i=$((i+1)); done; busybox sleep 25`;
        await start(stage, "asker", { containers: [container(idle)] });
        await until(stage, "asker", isRunning);
        await sleep(3_000);
        const question = "busybox nslookup kubernetes.default.svc.cluster.local";
        await start(stage, "other", { containers: [container(question)] });
        const { phase } = await until(stage, "other", hasEnded);
        return { outcome: `the other pod ${phase ?? "did not end"}`, broken: phase !== "Succeeded" };
      },
    ],
    "commands that are started and left": [
      "the connections are given back",
      async (stage) => {
        await start(stage, "execs", { containers: [container("busybox sleep 60")] });
        await until(stage, "execs", isRunning);
        const { pid, target } = stage.server;
        const before = readdirSync(`/proc/${pid}/fd`).length;
        const accepted = await dropExecs(
          target,
          `${at}/pods/execs/exec?command=busybox&command=sleep&command=10&stdin=1&stdout=1`,
          60,
        );
        const left = (): number => readdirSync(`/proc/${pid}/fd`).length - before;
        const endMs = performance.now() + podMs;
        while (left() > descriptorsLeftMax && performance.now() < endMs) await sleep(pollMs);
        return { outcome: `${accepted} accepted, ${left()} descriptors left`, broken: left() > descriptorsLeftMax };
      },
    ],
    "a pod that says it is at loopback": [
      "the API server never connects to itself",
      async (stage) => {
        const { hostname, port } = new URL(stage.server.target.url);
        await start(stage, "liar", { nodeName: "nowhere", containers: [container("true")] });
        const status = { podIP: "127.0.0.1", podIPs: [{ ip: "127.0.0.1" }], phase: "Running" };
        await stage.admin.ask(`PATCH ${at}/pods/liar/status`, {
          body: { status },
          type: "application/merge-patch+json",
        });
        const answer = await stage.admin.ask(`GET ${at}/pods/https:liar:${port}/proxy/version`);
        return {
          outcome: `${answer.code} ${answer.text.slice(0, 120)}`,
          broken: answer.code === 200 && hostname !== "",
        };
      },
    ],
    "images that are no names": [
      "the pod waits, and says why",
      async (stage) => {
        const names = ["../../etc/shadow", "A:B:C", "a@sha256:0", "$(id)", "-v", "kedge.local/__proto__", "\u0000"];
        const said: string[] = [];
        for (const [index, name] of names.entries()) {
          const spec = { containers: [{ name: "main", image: name }], automountServiceAccountToken: false };
          const body = { apiVersion: "v1", kind: "Pod", metadata: { name: `image-${index}` }, spec };
          const { code } = await stage.admin.ask(`POST ${at}/pods`, { body });
          said.push(code === 201 ? "taken" : String(code));
        }
        await until(stage, "image-1", isRefused);
        return { outcome: said.join(", "), broken: said.some((one) => one.startsWith("5")) };
      },
    ],
  };

async function prepare(server: AttackedServer): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), "kedge-attack-secret-"));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, "message"), secret, { mode: 0o600 });
  return { ...(await prepareNamespace(server)), folder };
}

export async function* podAttacks(server: AttackedServer, isWanted: IsWanted): AsyncGenerator<Row> {
  const stage = await prepare(server);
  try {
    for (const [what, [promised, attack]] of Object.entries({ ...attacks, ...costlyPods })) {
      const name = `pods: ${what}`;
      if (!isWanted(name)) continue;
      yield await observed(server, { name, promised }, () => attack(stage));
      await stage.admin.ask(`DELETE ${at}/pods?gracePeriodSeconds=0`);
    }
    const kept = readFileSync(join(stage.folder, "message"), "utf8") === secret;
    yield {
      name: "pods: the machine's file afterwards",
      promised: "as it was",
      outcome: kept ? "as it was" : "changed",
      broken: !kept,
    };
  } finally {
    await stage.admin.ask(`DELETE /api/v1/namespaces/${namespace}`);
    rmSync(stage.folder, { recursive: true });
  }
}
