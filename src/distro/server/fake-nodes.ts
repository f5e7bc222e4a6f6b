/** The nodes of `--fake-nodes`: a user of their own, for they write of many nodes. */
import { machineClock as clock } from "#base/clock.ts";
import { supervise } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import { kubernetesVersion } from "#apiserver/version.ts";
import { EventRecorder } from "#client/event-recorder.ts";
import { FakeNodes } from "#kubelet/fake-nodes.ts";
import type { Config } from "../config.ts";
import type { Api } from "./api.ts";

export interface FakeNodesOptions {
  readonly api: Api;
  readonly config: Config;
  readonly log: Log;
}

/** Runs until the signal is aborted; at once over when there are none. */
export async function runFakeNodes({ api, config, log }: FakeNodesOptions, signal: AbortSignal): Promise<void> {
  if (config.fakeNodes === 0) return;
  const client = api.clientFor({ name: "system:kedge:fake-nodes", groups: ["system:masters", "system:authenticated"] });
  const recorder = new EventRecorder({ client, clock, log, source: { component: "fake-kubelet" } });
  const fakeNodes = new FakeNodes({
    client,
    informers: api.informers,
    recorder,
    clock,
    log: log.for("fake-nodes"),
    count: config.fakeNodes,
    times: { startMs: config.fakePodStartMs, stopMs: config.fakePodStopMs },
    version: kubernetesVersion,
  });
  await Promise.all([fakeNodes, recorder].map((component) => supervise(component, { clock, log }, signal)));
}
