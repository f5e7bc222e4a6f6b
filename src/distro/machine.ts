/** This machine in the kubelet's words: files, control groups, mounts and probes as they are. */
import { Cgroups, detectCgroups } from "#host/cgroups.ts";
import { machineFiles } from "#host/files.ts";
import { isMountPoint, mountTmpfs } from "#host/mounts.ts";
import { askGrpcHealth, askHttp, askTcp } from "#host/probe-network.ts";
import type { Machine } from "#kubelet/machine.ts";

export function machineOf(): Machine {
  return {
    files: machineFiles,
    cgroups: new Cgroups(detectCgroups()),
    mounts: {
      memory: (path, sizeBytes) => mountTmpfs(path, sizeBytes === undefined ? {} : { sizeBytes }),
      isMounted: isMountPoint,
    },
    network: { http: askHttp, tcp: askTcp, grpcHealth: askGrpcHealth },
  };
}
