/**
 * Pods from manifest files in a folder of this machine, which run without an API server. The API gets a mirror of each,
 * so that it can be seen there.
 *
 * @see https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/
 */
import { createHash } from "node:crypto";
import { messageOf } from "#base/assert.ts";
import { Backoff } from "#base/backoff.ts";
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { Client } from "#client/client.ts";
import type { Files } from "#host/files.ts";
import { isReason } from "#machinery/status.ts";
import type { Node } from "#resources/core/node.ts";
import { pods as podResource, type Pod } from "#resources/core/pod.ts";
import { parseYaml } from "#wire/yaml.ts";
import { annotation } from "./plan/identity.ts";
import type { Pods } from "./pods.ts";

export interface StaticPodParts {
  readonly client: Client;
  readonly files: Files;
  readonly clock: Clock;
  readonly log: Log;
  readonly nodeName: string;
  readonly folder: string;
  /** Pods that the API has on this node. */
  readonly nodePods: () => readonly Pod[];
  /** The node's own object, which owns the mirrors. */
  readonly node: () => Node | undefined;
}

// Below the watch of the folder: a file system may not tell of changes.
const lookMs = 20_000;
const manifestBytesMax = 3 * 1024 * 1024;

export class StaticPods {
  private readonly parts: StaticPodParts;
  private readonly pods: Pods;
  /** By path of the manifest. */
  private readonly known = new Map<string, Pod>();
  private readonly read = Promise.withResolvers<void>();

  constructor(parts: StaticPodParts, pods: Pods) {
    this.parts = parts;
    this.pods = pods;
  }

  /** Resolves once the folder was read for the first time. */
  get whenRead(): Promise<void> {
    return this.read.promise;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { files, clock, log, folder } = this.parts;
    await files.makeFolder(folder, 0o700);
    this.pods.mirrorGone = (mirror) => void this.restoreMirror(mirror, signal).catch(() => undefined);
    let wake = (): void => undefined;
    files.watch(folder, () => wake(), signal);
    for (let first = true; !signal.aborted; first = false) {
      try {
        await this.look(signal);
        this.read.resolve();
        if (first) await this.removeOrphans();
      } catch (error) {
        log.warn("static pods not read", { folder, error: messageOf(error) });
      }
      const either = new AbortController();
      wake = () => either.abort(new Error("the folder changed"));
      await clock.sleep(lookMs, AbortSignal.any([signal, either.signal])).catch(() => undefined);
    }
  }

  private async look(signal: AbortSignal): Promise<void> {
    const { files, folder } = this.parts;
    const found = new Map<string, Pod>();
    for (const name of await files.list(folder)) {
      if (name.startsWith(".") || !/\.(?:yaml|yml|json)$/.test(name)) continue;
      const path = `${folder}/${name}`;
      const pod = await this.podAt(path);
      // A manifest that broke keeps its pod as it was.
      const kept = pod ?? this.known.get(path);
      if (kept) found.set(path, kept);
    }
    for (const [path, pod] of this.known) {
      if (found.get(path)?.metadata.uid === pod.metadata.uid) continue;
      this.pods.byUid(pod.metadata.uid ?? "")?.removed();
      this.known.delete(path);
      await this.removeMirror(pod);
    }
    for (const [path, pod] of found) {
      if (this.known.has(path)) continue;
      this.known.set(path, pod);
      void this.begin(pod, signal);
    }
  }

  /** Starts the pod once the one of its name that it replaces is gone: until then that one has its ports and more. */
  private async begin(pod: Pod, signal: AbortSignal): Promise<void> {
    const { namespace = "", name = "" } = pod.metadata;
    while (this.isWanted(pod) && this.pods.find(namespace, name)) await this.pods.whenOneIsGone();
    if (signal.aborted || !this.isWanted(pod)) return;
    try {
      this.pods.add(pod);
    } catch (error) {
      this.parts.log.error("static pod not started", { pod: name, error: messageOf(error) });
    }
    await this.mirror(pod, signal);
  }

  private isWanted(pod: Pod): boolean {
    return [...this.known.values()].includes(pod);
  }

  private async podAt(path: string): Promise<Pod | undefined> {
    const { files, log, nodeName } = this.parts;
    const facts = await files.facts(path);
    if (facts?.kind !== "file") return undefined;
    try {
      if (facts.sizeBytes > manifestBytesMax)
        throw new Error(`expected at most ${manifestBytesMax} bytes, found ${facts.sizeBytes}`);
      const text = new TextDecoder().decode(await files.read(path));
      return staticPod(parseYaml(text), { nodeName, path });
    } catch (error) {
      log.warn("static pod manifest refused", { path, error: messageOf(error) });
      return undefined;
    }
  }

  /** Makes the mirror, again and again until it is there or the pod is gone. */
  private async mirror(pod: Pod, signal: AbortSignal): Promise<void> {
    const { client, clock, log } = this.parts;
    const backoff = new Backoff({ firstMs: 200, maxMs: 30_000, resetAfterMs: 60_000, clock });
    while (!signal.aborted && this.isWanted(pod)) {
      const node = this.parts.node();
      try {
        if (node) {
          await client.create(podResource, mirrorOf(pod, node));
          return;
        }
      } catch (error) {
        if (isReason(error, "AlreadyExists") && !(await this.replaceStale(pod))) return;
        log.debug("mirror pod not created", { pod: pod.metadata.name, error: messageOf(error) });
      }
      await clock.sleep(backoff.nextMs(), signal).catch(() => undefined);
    }
  }

  /** Somebody deleted a mirror: the pod itself still runs, and gets another. */
  private async restoreMirror(mirror: Pod, signal: AbortSignal): Promise<void> {
    if (mirror.metadata.deletionTimestamp !== undefined) await this.removeMirror(mirror);
    const uid = mirror.metadata.annotations?.[annotation.configMirror];
    const pod = [...this.known.values()].find((one) => one.metadata.uid === uid);
    if (pod) await this.mirror(pod, signal);
  }

  /** Removes mirrors whose manifest went while kedge was not running. */
  private async removeOrphans(): Promise<void> {
    const uids = new Set([...this.known.values()].map((pod) => pod.metadata.uid));
    for (const mirror of this.parts.nodePods()) {
      const uid = mirror.metadata.annotations?.[annotation.configMirror];
      if (uid !== undefined && !uids.has(uid)) await this.removeMirror(mirror);
    }
  }

  /** Removes a mirror of an earlier manifest. @returns Whether a new one is to be tried. */
  private async replaceStale(pod: Pod): Promise<boolean> {
    const { namespace = "", name = "" } = pod.metadata;
    const there = await this.parts.client.get(podResource, { namespace, name }).catch(() => undefined);
    const of = there?.metadata.annotations?.[annotation.configMirror];
    if (there && (of === undefined || of === pod.metadata.uid)) return false;
    await this.removeMirror(pod);
    return true;
  }

  /** A pod of the API that has the name is somebody's own, and stays. */
  private async removeMirror(pod: Pod): Promise<void> {
    const { client, log } = this.parts;
    const { namespace = "", name = "" } = pod.metadata;
    try {
      const { annotations, uid } = (await client.get(podResource, { namespace, name })).metadata;
      if (annotations?.[annotation.configMirror] === undefined) return;
      const request = { gracePeriodSeconds: 0, ...(uid !== undefined && { uid }) };
      await client.delete(podResource, { namespace, name }, request);
    } catch (error) {
      if (!isReason(error, "NotFound")) log.warn("mirror pod not removed", { pod: name, error: messageOf(error) });
    }
  }
}

/** The pod of a manifest. @throws Error with one sentence when it is none. */
export function staticPod(manifest: unknown, from: { readonly nodeName: string; readonly path: string }): Pod {
  // Holds as far as it is checked below; the runtime refuses the rest.
  const pod = manifest as Partial<Pod> | null;
  const { nodeName } = from;
  if (pod?.kind !== "Pod" || pod.apiVersion !== "v1")
    throw new Error('expected a manifest with apiVersion "v1" and kind "Pod"');
  if (!pod.metadata?.name || !Array.isArray(pod.spec?.containers))
    throw new Error("expected metadata.name and spec.containers");
  const uid = createHash("sha256")
    .update(`${nodeName}\0${from.path}\0${JSON.stringify(pod)}`)
    .digest("hex")
    .slice(0, 32);
  const containers = pod.spec.containers.map((container) => ({ ...container, resources: container.resources ?? {} }));
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...pod.metadata,
      name: `${pod.metadata.name}-${nodeName}`,
      namespace: pod.metadata.namespace ?? "default",
      uid,
      annotations: { ...pod.metadata.annotations, [annotation.configSource]: "file", [annotation.configHash]: uid },
    },
    spec: {
      restartPolicy: "Always",
      terminationGracePeriodSeconds: 30,
      dnsPolicy: "ClusterFirst",
      enableServiceLinks: true,
      ...pod.spec,
      containers,
      nodeName,
      // A pod that nobody scheduled stays whatever its node's taints are.
      tolerations: [{ operator: "Exists", effect: "NoExecute" }],
    },
    status: {},
  };
}

function mirrorOf(pod: Pod, node: Node): Pod {
  const { uid = "", ...metadata } = pod.metadata;
  const owner = { apiVersion: "v1", kind: "Node", name: node.metadata.name ?? "", uid: node.metadata.uid ?? "" };
  return {
    ...pod,
    metadata: {
      ...metadata,
      annotations: { ...metadata.annotations, [annotation.configMirror]: uid },
      ownerReferences: [{ ...owner, controller: true }],
    },
  };
}
