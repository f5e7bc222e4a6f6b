/** A pod of an attack on the node: started, waited for, heard, in a namespace of their own. */
import { setTimeout as sleep } from "node:timers/promises";
import { Api } from "./api.ts";
import { image, type AttackedServer } from "./server.ts";

export const namespace = "attack-pods";
export const at = `/api/v1/namespaces/${namespace}`;
export const podMs = 40_000;
export const pollMs = 250;

export interface Stage {
  readonly server: AttackedServer;
  readonly admin: Api;
}

export interface PodStatus {
  readonly phase?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly containerStatuses?: readonly {
    readonly ready?: boolean;
    readonly state?: {
      readonly waiting?: { readonly reason?: string };
      readonly running?: object;
      readonly terminated?: object;
    };
  }[];
}

const unprivileged = { runAsUser: 65_534, allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };
export const work = { name: "work", mountPath: "/work" };
export const emptyDir = { name: "work", emptyDir: {} };

export function container(script: string, more: object = {}): object {
  return { name: "main", image, command: ["busybox", "sh", "-c", script], securityContext: unprivileged, ...more };
}

export const hasEnded = ({ phase }: PodStatus): boolean => phase === "Succeeded" || phase === "Failed";
export const isRunning = ({ containerStatuses }: PodStatus): boolean =>
  containerStatuses?.every(({ ready }) => ready) ?? false;
export const isRefused = ({ containerStatuses }: PodStatus): boolean =>
  /Error|Invalid/.test(containerStatuses?.[0]?.state?.waiting?.reason ?? "");

export async function start({ admin }: Stage, name: string, spec: object): Promise<void> {
  const whole = {
    restartPolicy: "Never",
    terminationGracePeriodSeconds: 0,
    automountServiceAccountToken: false,
    ...spec,
  };
  const answer = await admin.ask(`POST ${at}/pods`, {
    body: { apiVersion: "v1", kind: "Pod", metadata: { name }, spec: whole },
  });
  if (answer.code !== 201) throw new Error(`expected to create pod "${name}", found ${answer.code} ${answer.text}`);
}

/** The pod's status once it is as wanted, or as it is when that takes too long. */
export async function until({ admin }: Stage, name: string, holds: (status: PodStatus) => boolean): Promise<PodStatus> {
  const endMs = performance.now() + podMs;
  for (;;) {
    // Holds because the API answers with a pod or a Status.
    const { status } = JSON.parse((await admin.ask(`GET ${at}/pods/${name}`)).text) as { readonly status: PodStatus };
    if (holds(status) || performance.now() > endMs) return status;
    await sleep(pollMs);
  }
}

export async function logsOf(
  { admin }: Stage,
  name: string,
  containers: readonly string[] = ["main"],
): Promise<string> {
  const logs = await Promise.all(containers.map((one) => admin.ask(`GET ${at}/pods/${name}/log?container=${one}`)));
  return logs.map(({ text }) => text).join("\n");
}

/** What such a namespace needs before a pod can be made in it. */
export async function prepareNamespace(server: AttackedServer): Promise<Stage> {
  const admin = new Api(server.target);
  await admin.ask("POST /api/v1/namespaces", { body: { metadata: { name: namespace } } });
  await admin.ask(`POST ${at}/serviceaccounts`, { body: { metadata: { name: "default" } } });
  return { server, admin };
}
