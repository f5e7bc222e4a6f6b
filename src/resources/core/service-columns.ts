/** The columns of services. */
import type { Column } from "#machinery/resource.ts";
import { ageColumn, nameColumn, text } from "#machinery/table.ts";
import { labelsText, orNone } from "../column-texts.ts";
import type { Service } from "./service.ts";

function externalText({ spec, status }: Service): string {
  const { type = "", externalIPs = [] } = spec;
  if (type === "ExternalName") return spec.externalName ?? "";
  if (type === "ClusterIP" || type === "NodePort") return orNone(externalIPs.join(","));
  if (type !== "LoadBalancer") return "<unknown>";
  const given = new Set((status.loadBalancer.ingress ?? []).map(({ ip, hostname }) => ip || hostname || ""));
  given.delete("");
  const all = [...[...given].sort(), ...externalIPs];
  return all.length === 0 ? "<pending>" : all.join(",");
}

function portsText({ spec: { ports = [] } }: Service): string {
  const texts = ports.map(({ port, nodePort, protocol = "" }) =>
    nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
  );
  return orNone(texts.join(","));
}

export const serviceColumns: readonly Column<Service>[] = [
  nameColumn,
  text("Type", (service) => service.spec.type ?? ""),
  text("Cluster-IP", (service) => service.spec.clusterIPs?.[0] ?? "<none>"),
  text("External-IP", externalText),
  text("Port(s)", portsText),
  ageColumn,
  text("Selector", (service) => labelsText(service.spec.selector), 1),
];
