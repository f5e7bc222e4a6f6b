/** The columns of nodes. */
import type { Column } from "#machinery/resource.ts";
import { ageColumn, nameColumn, text } from "#machinery/table.ts";
import type { Node } from "./node.ts";

function stateText({ spec, status }: Node): string {
  const ready = status.conditions?.find((condition) => condition.type === "Ready");
  const state = ready === undefined ? "Unknown" : ready.status === "True" ? "Ready" : "NotReady";
  return spec.unschedulable === true ? `${state},SchedulingDisabled` : state;
}

const rolePrefix = "node-role.kubernetes.io/";

function rolesText({ metadata }: Node): string {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    if (key.startsWith(rolePrefix)) roles.add(key.slice(rolePrefix.length));
    else if (key === "kubernetes.io/role") roles.add(value);
  }
  roles.delete("");
  return roles.size === 0 ? "<none>" : [...roles].sort().join(",");
}

function addressText({ status }: Node, type: string): string {
  return status.addresses?.find((address) => address.type === type)?.address ?? "<none>";
}

export const nodeColumns: readonly Column<Node>[] = [
  nameColumn,
  text("Status", stateText),
  text("Roles", rolesText),
  ageColumn,
  text("Version", (node) => node.status.nodeInfo.kubeletVersion),
  text("Internal-IP", (node) => addressText(node, "InternalIP"), 1),
  text("External-IP", (node) => addressText(node, "ExternalIP"), 1),
  text("OS-Image", (node) => node.status.nodeInfo.osImage || "<unknown>", 1),
  text("Kernel-Version", (node) => node.status.nodeInfo.kernelVersion || "<unknown>", 1),
  text("Container-Runtime", (node) => node.status.nodeInfo.containerRuntimeVersion || "<unknown>", 1),
];
