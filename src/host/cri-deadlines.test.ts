/** A runtime that takes calls and never answers: each of them has an end, by its kind. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeRuntime } from "#testing/fake-runtime.ts";
import { faultyRuntime, RuntimeFaults } from "#testing/faulty-runtime.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { BoundedRuntime } from "./cri-deadlines.ts";
import { RuntimeError, type ContainerRuntime, type PodSandboxConfig } from "./cri.ts";

const never = new AbortController().signal;
const clock = new VirtualClock();
const faults = new RuntimeFaults(clock);
const fake = new FakeRuntime({ clock, images: ["busybox:1"] });
const bounded = new BoundedRuntime(faultyRuntime(fake, faults), clock, never);
const runtime = bounded.calls;
const config: PodSandboxConfig = { metadata: { name: "web", namespace: "default", uid: "u1", attempt: 0 } };
const image = { image: "busybox:1" };

/** A call of every kind, and within how many seconds it ends. */
const calls: Readonly<Record<string, readonly [(given: ContainerRuntime) => Promise<unknown>, number]>> = {
  "whether it is well": [(given) => given.status(never), 10],
  "what there is": [(given) => given.listContainers({}, never), 30],
  "a change": [(given) => given.removePodSandbox("s1", never), 120],
  "a container": [
    (given) =>
      given.createContainer(
        { podSandboxId: "s1", config: { metadata: { name: "a", attempt: 0 }, image }, sandboxConfig: config },
        never,
      ),
    120,
  ],
  "a sandbox": [(given) => given.runPodSandbox({ config }, never), 240],
  "an end that may take its time": [
    (given) => given.stopContainer({ containerId: "c1", timeoutSeconds: 100 }, never),
    220,
  ],
  "a command": [(given) => given.execSync({ containerId: "c1", cmd: ["true"], timeoutSeconds: 5 }, never), 20],
  "a download": [(given) => given.pullImage({ image }, never), 3_600],
};

for (const [name, [call, seconds]] of Object.entries(calls))
  test(`asked for ${name}, a runtime that hangs is given up after ${seconds} s`, async () => {
    faults.hang();
    const since = clock.monotonicMs();
    let failure: unknown;
    call(runtime).catch((error: unknown) => (failure = error));
    await clock.until(() => failure !== undefined);
    assert.equal(clock.monotonicMs() - since, seconds * 1000);
    assert.ok(failure instanceof RuntimeError && failure.code === "Unavailable", String(failure));
    faults.goOn();
  });

test("what is being made is awaited by nobody, and finished; everything else is broken off", async () => {
  faults.leaked = 0;
  faults.slowMs.set("runPodSandbox", 5_000);
  faults.slowMs.set("stopContainer", 5_000);
  const caller = new AbortController();
  const outcomes: string[] = [];
  const note = (name: string, call: Promise<unknown>): void =>
    void call.catch((error: unknown) => outcomes.push(`${name} ${String(error)} at ${clock.monotonicMs() - since}`));
  const since = clock.monotonicMs();
  note("made", runtime.runPodSandbox({ config }, caller.signal));
  note("stopped", runtime.stopContainer({ containerId: "c1", timeoutSeconds: 100 }, caller.signal));
  await clock.advance(1_000);
  assert.equal(bounded.makingSandboxSinceMs, since);
  caller.abort(new Error("enough"));
  await clock.advance(10_000);
  assert.deepEqual(outcomes, ["stopped Error: enough at 1000", "made Error: enough at 5000"]);
  assert.equal(faults.leaked, 0);
  assert.equal(bounded.makingSandboxSinceMs, undefined);
  assert.equal((await fake.listPodSandboxes({})).length, 1);
});

test("when kedge ends, what is being made is given a moment, and no more", async () => {
  const life = new AbortController();
  const ending = new BoundedRuntime(faultyRuntime(fake, faults), clock, life.signal).calls;
  faults.slowMs.set("runPodSandbox", 100_000);
  let ended = false;
  ending.runPodSandbox({ config }, life.signal).catch(() => (ended = true));
  await clock.advance(1_000);
  life.abort(new Error("kedge ends"));
  assert.equal(await clock.until(() => ended), 3_000);
});
