/** Parts of objects that are written apart: what each of them may not change is put back. */
import { own } from "#base/own.ts";
import type { Draft } from "../call.ts";
import type { PartSubresource } from "../subresource.ts";

const readAndWrite = ["get", "patch", "update"] as const;

/** Puts back everything but the metadata and the named members. */
function keepAllBut(draft: Draft, old: Draft, names: readonly string[]): void {
  for (const name of new Set([...Object.keys(draft), ...Object.keys(old)])) {
    if (names.includes(name) || name === "metadata" || name === "apiVersion" || name === "kind") continue;
    keep(draft, old, name);
  }
}

function keep(draft: Record<string, unknown>, old: Record<string, unknown>, name: string): void {
  if (own(old, name) === undefined) delete draft[name];
  else draft[name] = own(old, name);
}

/** Custom resources and a few kinds let such an update change nothing of the metadata but who manages fields. */
function keepMeta(draft: Draft, old: Draft): void {
  const { managedFields, resourceVersion, uid } = draft.metadata;
  draft.metadata = { ...old.metadata, resourceVersion, uid };
  keep(draft.metadata, { managedFields }, "managedFields");
}

const keepsLabels = new Set(["deployments.apps"]);
// Who may write their status may write nothing else of them: no labels, and no finalizers.
const keepsMeta = new Set([
  "apiservices.apiregistration.k8s.io",
  "flowschemas.flowcontrol.apiserver.k8s.io",
  "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",
  "resourceclaims.resource.k8s.io",
  "servicecidrs.networking.k8s.io",
  "validatingadmissionpolicies.admissionregistration.k8s.io",
  "volumeattachments.storage.k8s.io",
]);

export function statusPart(id: string): PartSubresource {
  return {
    kind: "part",
    verbs: readAndWrite,
    keep: (draft, old) => {
      keepAllBut(draft, old, ["status"]);
      if (keepsMeta.has(id)) keepMeta(draft, old);
      if (keepsLabels.has(id)) keep(draft.metadata, old.metadata, "labels");
    },
  };
}

/** The status of a custom resource. */
export const customStatusPart: PartSubresource = {
  kind: "part",
  verbs: readAndWrite,
  keep: (draft, old) => {
    keepAllBut(draft, old, ["status"]);
    keepMeta(draft, old);
  },
};

export const podStatusPart: PartSubresource = {
  kind: "part",
  verbs: readAndWrite,
  keep: (draft, old) => {
    keepAllBut(draft, old, ["status"]);
    keep(draft.metadata, old.metadata, "ownerReferences");
    const [status, oldStatus] = [membersOf(draft["status"]), membersOf(old["status"])];
    if (status["qosClass"] === undefined) keep(status, oldStatus, "qosClass");
    if (status["observedGeneration"] === undefined) keep(status, oldStatus, "observedGeneration");
  },
};

export const ephemeralContainersPart: PartSubresource = {
  kind: "part",
  verbs: readAndWrite,
  keep: (draft, old) => {
    const { ephemeralContainers } = membersOf(draft["spec"]);
    keepAllBut(draft, old, []);
    keepMeta(draft, old);
    keep(membersOf(draft["spec"]), { ephemeralContainers }, "ephemeralContainers");
  },
};

export const resizePart: PartSubresource = {
  kind: "part",
  verbs: readAndWrite,
  keep: (draft, old) => {
    const [spec, oldSpec] = [membersOf(draft["spec"]), membersOf(old["spec"])];
    for (const name of ["containers", "initContainers"]) {
      const merged = resized(listOf(own(spec, name)), listOf(own(oldSpec, name)));
      // Containers that were added, removed or renamed are left for validation to refuse.
      if (!merged) return;
      if (merged.length > 0) oldSpec[name] = merged;
    }
    keep(oldSpec, spec, "resources");
    keepAllBut(draft, old, []);
    keepMeta(draft, old);
  },
};

function resized(
  containers: readonly Record<string, unknown>[],
  old: readonly Record<string, unknown>[],
): readonly Record<string, unknown>[] | undefined {
  if (containers.length !== old.length) return undefined;
  if (containers.some((container, at) => container["name"] !== old[at]?.["name"])) return undefined;
  return containers.map((container, at) => {
    const merged = { ...old[at] };
    keep(merged, container, "resources");
    keep(merged, container, "resizePolicy");
    return merged;
  });
}

/** PUT of a namespace whose own finalizers are done. */
export const finalizePart: PartSubresource = {
  kind: "part",
  verbs: ["update"],
  keep: (draft, old) => keepAllBut(draft, old, ["spec"]),
};

const decisions = new Set(["Approved", "Denied"]);

function isDecision(condition: Record<string, unknown>): boolean {
  return decisions.has(String(condition["type"]));
}

/** Approves or denies a certificate signing request: the conditions alone. */
export const approvalPart: PartSubresource = {
  kind: "part",
  verbs: readAndWrite,
  keep: (draft, old) => {
    keepAllBut(draft, old, ["status"]);
    keep(membersOf(draft["status"]), membersOf(old["status"]), "certificate");
  },
};

/** The status of a certificate signing request: everything but its approval. */
export const requestStatusPart: PartSubresource = {
  kind: "part",
  verbs: readAndWrite,
  keep: (draft, old) => {
    keepAllBut(draft, old, ["status"]);
    const status = membersOf(draft["status"]);
    const others = listOf(status["conditions"]).filter((condition) => !isDecision(condition));
    const decided = listOf(membersOf(old["status"])["conditions"]).filter(isDecision);
    const conditions = [...decided, ...others];
    if (conditions.length > 0) status["conditions"] = conditions;
    else delete status["conditions"];
  },
};

/** The members of an object in a draft, to be changed; of nothing, none. */
function membersOf(value: unknown): Record<string, unknown> {
  // Holds because drafts are decoded JSON, where an object has members by name.
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function listOf(value: unknown): readonly Record<string, unknown>[] {
  // Holds because decoding by the shape made a list of objects.
  return Array.isArray(value) ? (value as readonly Record<string, unknown>[]) : [];
}
