/** Binds the volumes that were chosen for a pod, or has them made, and waits until they are. */
import { abortReason, deadline, type Clock } from "#base/clock.ts";
import type { Client } from "#client/client.ts";
import type { InformerFactory } from "#client/informer.ts";
import { keyOf } from "#machinery/meta.ts";
import { persistentVolumeClaims, type PersistentVolumeClaim } from "#resources/core/persistent-volume-claim.ts";
import { persistentVolumes, type PersistentVolume } from "#resources/core/persistent-volume.ts";
import { claimKey, isBound, selectedNode, type VolumePlan } from "./volumes.ts";

export interface BinderParts {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly clock: Clock;
}

// Making a volume can take this long; then another node is tried.
const bindMsMax = 600_000;
const byController = "pv.kubernetes.io/bound-by-controller";

/** Writes the choice: the claim into each volume, and the node into each claim that gets a new one. */
export async function chooseVolumes({ client }: BinderParts, plan: VolumePlan, nodeName: string): Promise<string> {
  for (const { claim, volume } of plan.bindings) await claimVolume(client, volume, claim);
  let revision = "";
  for (const claim of plan.provisions) {
    const metadata = { annotations: { [selectedNode]: nodeName }, ...uidOf(claim) };
    const written = await client.patch(
      { resource: persistentVolumeClaims, key: keyOf(claim) },
      { type: "merge", body: { metadata } },
    );
    revision = written.metadata.resourceVersion ?? revision;
  }
  return revision;
}

async function claimVolume(client: Client, volume: PersistentVolume, claim: PersistentVolumeClaim): Promise<void> {
  if (volume.spec.claimRef?.uid !== undefined) return;
  const { namespace = "", name = "", uid = "" } = claim.metadata;
  const { resourceVersion = "" } = volume.metadata;
  const claimRef = { apiVersion: "v1", kind: "PersistentVolumeClaim", namespace, name, uid };
  const mark = volume.spec.claimRef ? {} : { annotations: { [byController]: "yes" } };
  await client.patch(
    { resource: persistentVolumes, key: keyOf(volume) },
    { type: "merge", body: { metadata: { resourceVersion, ...mark }, spec: { claimRef } } },
  );
}

function uidOf({ metadata }: PersistentVolumeClaim): { readonly uid?: string } {
  return metadata.uid === undefined ? {} : { uid: metadata.uid };
}

/**
 * Resolves when every claim of the plan is bound.
 *
 * @param revision Of the last write to a claim: what the cache held before it says nothing.
 * @throws Error when a claim is gone, its volume cannot be made, or it takes too long.
 */
export async function whenBound(
  { informers, clock }: BinderParts,
  { plan, revision }: { readonly plan: VolumePlan; readonly revision: string },
  signal: AbortSignal,
): Promise<void> {
  const informer = informers.informer(persistentVolumeClaims);
  using limit = deadline(clock, bindMsMax, signal);
  if (revision !== "") await informer.whenSeen(revision, limit.signal);
  const waited = new Set([...plan.bindings.map(({ claim }) => claim), ...plan.provisions].map(claimKey));
  const provisioned = new Set(plan.provisions.map(claimKey));
  const end = new AbortController();
  const done = AbortSignal.any([end.signal, limit.signal]);
  try {
    await new Promise<void>((resolve, reject) => {
      limit.signal.addEventListener("abort", () => reject(abortReason(limit.signal)), { once: true });
      informer.onChange(({ type, object }) => {
        const key = claimKey(object);
        if (!waited.has(key)) return;
        if (type === "deleted") reject(new Error(`persistentvolumeclaim "${key}" not found`));
        else if (isBound(object)) waited.delete(key);
        else if (provisioned.has(key) && object.metadata.annotations?.[selectedNode] === undefined)
          reject(new Error(`provisioning failed for PVC "${object.metadata.name ?? ""}"`));
        if (waited.size === 0) resolve();
      }, done);
    });
  } finally {
    end.abort();
  }
}
