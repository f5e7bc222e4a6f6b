/** What every container runtime does, the one in memory and the real one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "#base/assert.ts";
import type { ContainerEvent, ContainerRuntime, ContainerStatus, PodSandboxConfig } from "#host/cri.ts";

export interface RuntimeUnderTest {
  readonly runtime: () => ContainerRuntime;
  /** Has `sleep`, `true`, `false` and `sh`. */
  readonly image: string;
  readonly logFolder: string;
  /** Resolves when `holds` does, which is asked again and again. */
  readonly until: (holds: () => Promise<boolean>) => Promise<void>;
}

const never = new AbortController().signal;

export function testRuntime(name: string, given: RuntimeUnderTest): void {
  const labels = { contract: name };
  const sandboxConfig: PodSandboxConfig = {
    metadata: { name: "contract", namespace: "default", uid: "contract-1", attempt: 0 },
    hostname: "contract",
    logDirectory: given.logFolder,
    labels,
  };
  const start = async (sandboxId: string, container: string, command: readonly string[]): Promise<string> => {
    const image = must(await given.runtime().imageStatus({ image: given.image }, never), "the image is here");
    const config = {
      metadata: { name: container, attempt: 0 },
      image: { image: image.id },
      command,
      labels,
      logPath: `${container}.log`,
      linux: { securityContext: {}, resources: { memoryLimitInBytes: 32 << 20, cpuShares: 50 } },
    };
    const id = await given.runtime().createContainer({ podSandboxId: sandboxId, config, sandboxConfig }, never);
    await given.runtime().startContainer(id, never);
    return id;
  };
  const statusOf = async (id: string): Promise<ContainerStatus> =>
    must(await given.runtime().containerStatus(id, never), "the container is known");
  const ended = (id: string): Promise<void> =>
    given.until(async () => (await statusOf(id)).state === "CONTAINER_EXITED");

  test(`${name}: a sandbox and its containers live, end and go`, async () => {
    const runtime = given.runtime();
    const listening = new AbortController();
    const seen: ContainerEvent[] = [];
    const listen = (async () => {
      for await (const event of runtime.events(listening.signal)) seen.push(event);
    })().catch(() => undefined);
    const sandboxId = await runtime.runPodSandbox({ config: sandboxConfig }, never);
    const sandbox = must(await runtime.podSandboxStatus(sandboxId, never), "the sandbox was made").status;
    assert.deepEqual([sandbox.state, sandbox.metadata.uid, sandbox.labels], ["SANDBOX_READY", "contract-1", labels]);
    assert.match(sandbox.network?.ip ?? "", /^10\./);

    const good = await start(sandboxId, "good", ["true"]);
    const bad = await start(sandboxId, "bad", ["sh", "-c", "exit 3"]);
    const long = await start(sandboxId, "long", ["sleep", "1000"]);
    await Promise.all([ended(good), ended(bad)]);
    const [goodEnd, badEnd] = [await statusOf(good), await statusOf(bad)];
    assert.deepEqual([goodEnd.exitCode, goodEnd.reason], [0, "Completed"]);
    assert.deepEqual([badEnd.exitCode, badEnd.reason], [3, "Error"]);
    // What ends at once may have ended before its start was written down.
    assert.ok(badEnd.finishedAt > badEnd.createdAt && badEnd.startedAt >= badEnd.createdAt);
    assert.equal((await statusOf(long)).resources?.linux?.memoryLimitInBytes, 32 << 20);
    assert.equal((await runtime.execSync({ containerId: long, cmd: ["false"], timeoutSeconds: 5 }, never)).exitCode, 1);
    const running = { state: { state: "CONTAINER_RUNNING" }, labelSelector: labels } as const;
    assert.deepEqual(
      (await runtime.listContainers(running, never)).map(({ id }) => id),
      [long],
    );
    await given.until(async () =>
      seen.some((event) => event.containerId === bad && event.containerEventType === "CONTAINER_STOPPED_EVENT"),
    );
    assert.ok(seen.every((event) => event.podSandboxStatus?.metadata.uid === "contract-1"));

    await runtime.stopContainer({ containerId: long, timeoutSeconds: 0 }, never);
    assert.deepEqual([(await statusOf(long)).state, (await statusOf(long)).exitCode], ["CONTAINER_EXITED", 137]);
    await runtime.removeContainer(good, never);
    assert.equal(await runtime.containerStatus(good, never), undefined);
    await runtime.stopPodSandbox(sandboxId, never);
    const stopped = must(await runtime.podSandboxStatus(sandboxId, never), "a stopped sandbox is kept").status;
    assert.equal(stopped.state, "SANDBOX_NOTREADY");
    await runtime.removePodSandbox(sandboxId, never);
    assert.deepEqual(await runtime.listContainers({ labelSelector: labels }, never), []);
    assert.deepEqual(await runtime.listPodSandboxes({ labelSelector: labels }, never), []);
    listening.abort(new Error("enough"));
    await listen;
  });

  test(`${name}: a sandbox in the host's network has no address of its own`, async () => {
    const runtime = given.runtime();
    const config: PodSandboxConfig = {
      ...sandboxConfig,
      metadata: { ...sandboxConfig.metadata, uid: "contract-2" },
      hostname: "",
      linux: { securityContext: { namespaceOptions: { network: "NODE", pid: "CONTAINER", ipc: "POD" } } },
    };
    const id = await runtime.runPodSandbox({ config }, never);
    const { network } = must(await runtime.podSandboxStatus(id, never), "the sandbox was made").status;
    assert.equal(network?.ip, "");
    await runtime.removePodSandbox(id, never);
  });

  test(`${name}: what does not exist is absent, or refused with NotFound`, async () => {
    const runtime = given.runtime();
    assert.equal(await runtime.containerStatus("none", never), undefined);
    assert.equal(await runtime.podSandboxStatus("none", never), undefined);
    assert.equal(await runtime.imageStatus({ image: "kedge.local/none:1" }, never), undefined);
    await runtime.removeContainer("none", never);
    await runtime.stopPodSandbox("none", never);
    await assert.rejects(runtime.startContainer("none", never), { name: "RuntimeError", code: "NotFound" });
  });
}
