/** The columns of ingresses. */
import type { Column } from "#machinery/resource.ts";
import { ageColumn, nameColumn, text } from "#machinery/table.ts";
import type { Ingress } from "./ingress.ts";

const hostsMax = 3;

function hostsText({ spec: { rules = [] } }: Ingress): string {
  const hosts: string[] = [];
  for (const { host } of rules) {
    if (hosts.length === hostsMax) return `${hosts.join(",")} + ${rules.length - hostsMax} more...`;
    if (host) hosts.push(host);
  }
  return hosts.length === 0 ? "*" : hosts.join(",");
}

function addressText({ status }: Ingress): string {
  const addresses = (status.loadBalancer.ingress ?? []).map(({ ip, hostname }) => ip || hostname || "");
  return [...new Set(addresses.filter((address) => address !== ""))].sort().join(",");
}

export const ingressColumns: readonly Column<Ingress>[] = [
  nameColumn,
  text("Class", (ingress) => ingress.spec.ingressClassName ?? "<none>"),
  text("Hosts", hostsText),
  text("Address", addressText),
  text("Ports", (ingress) => (ingress.spec.tls?.length ? "80, 443" : "80")),
  ageColumn,
];
