/** What all pods of a node share. */
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { Random } from "#base/random.ts";
import type { Turns } from "#base/turns.ts";
import type { Client } from "#client/client.ts";
import type { Informer } from "#client/informer.ts";
import type { Recorder } from "#client/recorder.ts";
import type { ContainerRuntime } from "#host/cri.ts";
import type { ServiceSeen } from "../service-view.ts";
import type { KubeletConfig } from "../config.ts";
import type { Images } from "../images.ts";
import type { LogRotation } from "../log-rotation.ts";
import type { Machine } from "../machine.ts";
import type { ProbeCounts } from "../probes/prober.ts";
import type { References } from "../references.ts";
import type { PodVolumes } from "../volumes/pod-volumes.ts";

export interface PodParts {
  readonly client: Client;
  readonly recorder: Recorder;
  readonly runtime: ContainerRuntime;
  readonly machine: Machine;
  readonly clock: Clock;
  readonly turns: Turns;
  readonly random: Random;
  readonly log: Log;
  readonly config: KubeletConfig;
  readonly images: Images;
  readonly volumes: PodVolumes;
  readonly references: References;
  readonly services: Informer<ServiceSeen>;
  readonly probeCounts: ProbeCounts;
  readonly logs: LogRotation;
  /** "containerd". */
  readonly runtimeName: string;
  readonly nodeMemoryBytes: number;
  /** Quantities by resource. */
  readonly allocatable: Readonly<Record<string, string>>;
}
