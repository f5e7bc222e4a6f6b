/**
 * The variables by which a container finds services of its namespace.
 *
 * @see https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
 */
import type { ServiceSeen } from "../service-view.ts";

const hasAddress = (service: ServiceSeen): boolean => {
  const ip = service.spec.clusterIP;
  return ip !== undefined && ip !== "" && ip !== "None";
};

const variableName = (text: string): string => text.toUpperCase().replaceAll("-", "_");

/** Services that a pod of `namespace` sees: the API server always, the others when it wants links. */
export function visibleServices(
  services: readonly ServiceSeen[],
  namespace: string,
  links: boolean,
): readonly ServiceSeen[] {
  const isApi = (one: ServiceSeen): boolean =>
    one.metadata.namespace === "default" && one.metadata.name === "kubernetes";
  const own = services.filter((one) => one.metadata.namespace === namespace && (links || isApi(one)));
  const hidden = services.filter((one) => isApi(one) && !own.some((other) => other.metadata.name === "kubernetes"));
  return [...own, ...hidden].filter(hasAddress);
}

export function serviceEnvironment(services: readonly ServiceSeen[]): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const service of services) {
    const ports = service.spec.ports ?? [];
    const [first] = ports;
    const prefix = variableName(service.metadata.name ?? "");
    const ip = service.spec.clusterIP ?? "";
    const host = ip.includes(":") ? `[${ip}]` : ip;
    if (!first) continue;
    values.set(`${prefix}_SERVICE_HOST`, ip);
    values.set(`${prefix}_SERVICE_PORT`, String(first.port));
    for (const port of ports)
      if (port.name) values.set(`${prefix}_SERVICE_PORT_${variableName(port.name)}`, String(port.port));
    values.set(`${prefix}_PORT`, `${(first.protocol ?? "TCP").toLowerCase()}://${host}:${first.port}`);
    for (const port of ports) {
      const protocol = port.protocol ?? "TCP";
      const at = `${prefix}_PORT_${port.port}_${protocol}`;
      values.set(at, `${protocol.toLowerCase()}://${host}:${port.port}`);
      values.set(`${at}_PROTO`, protocol.toLowerCase());
      values.set(`${at}_PORT`, String(port.port));
      values.set(`${at}_ADDR`, ip);
    }
  }
  return values;
}
