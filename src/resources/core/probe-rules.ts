/** Rules of probes and life cycle hooks. */
import { child, forbidden, invalid, notSupported, required, type FieldError } from "#machinery/field-error.ts";
import { httpHeaderName, portName, portNumber } from "#machinery/names.ts";
import { nonNegative } from "#machinery/rule.ts";
import type { PodSpec } from "./pod-spec.ts";
import type { Lifecycle, LifecycleHandler, Probe } from "./probe.ts";

/** A port by number or by name. */
export function checkPort(path: string, port: number | string): FieldError[] {
  const problems = typeof port === "number" ? portNumber(port) : portName(port);
  return problems.map((problem) => invalid(path, port, problem));
}

type Handler = Pick<Probe, "exec" | "httpGet" | "tcpSocket" | "grpc"> & Pick<LifecycleHandler, "sleep">;
type HandlerName = "exec" | "httpGet" | "tcpSocket" | "grpc" | "sleep";
const handlerNames: readonly HandlerName[] = ["exec", "httpGet", "tcpSocket", "grpc", "sleep"];

function checkAction(path: string, handler: Handler, graceSeconds: number): FieldError[] {
  const { exec, httpGet, tcpSocket, grpc, sleep } = handler;
  if (exec) return exec.command ? [] : [required(child(path, "command"))];
  if (httpGet)
    return [
      ...(httpGet.path ? [] : [required(child(path, "path"))]),
      ...checkPort(child(path, "port"), httpGet.port),
      ...(httpGet.httpHeaders ?? []).flatMap(({ name }) =>
        httpHeaderName(name).map((problem) => invalid(child(path, "httpHeaders"), name, problem)),
      ),
    ];
  if (tcpSocket) return checkPort(child(path, "port"), tcpSocket.port);
  if (grpc) return checkPort(child(path, "port"), grpc.port);
  if (sleep && (sleep.seconds < 0 || sleep.seconds > graceSeconds))
    return [
      invalid(
        path,
        sleep.seconds,
        `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`,
      ),
    ];
  return [];
}

function checkHandler(path: string, handler: Handler, graceSeconds: number): FieldError[] {
  const [first, ...others] = handlerNames.filter((name) => handler[name] !== undefined);
  if (first === undefined) return [required(path, "must specify a handler type")];
  return [
    ...checkAction(child(path, first), { [first]: handler[first] }, graceSeconds),
    ...others.map((name) => forbidden(child(path, name), "may not specify more than 1 handler type")),
  ];
}

const counts = [
  "initialDelaySeconds",
  "timeoutSeconds",
  "periodSeconds",
  "successThreshold",
  "failureThreshold",
] as const;

export type ProbeName = "livenessProbe" | "readinessProbe" | "startupProbe";
export const probeNames: readonly ProbeName[] = ["livenessProbe", "readinessProbe", "startupProbe"];

export function checkProbe(path: string, probe: Probe, name: ProbeName): FieldError[] {
  const grace = child(path, "terminationGracePeriodSeconds");
  const { terminationGracePeriodSeconds: graceSeconds, successThreshold } = probe;
  const errors = [
    ...checkHandler(path, probe, 0),
    ...counts.flatMap((count) => nonNegative(child(path, count), probe[count])),
  ];
  if (graceSeconds !== undefined && graceSeconds <= 0)
    errors.push(invalid(grace, graceSeconds, "must be greater than 0"));
  if (name === "readinessProbe") {
    if (graceSeconds !== undefined) errors.push(invalid(grace, graceSeconds, "must not be set for readinessProbes"));
  } else if (successThreshold !== 1)
    errors.push(invalid(child(path, "successThreshold"), successThreshold ?? 0, "must be 1"));
  return errors;
}

export function checkLifecycle(path: string, lifecycle: Lifecycle, spec: PodSpec): FieldError[] {
  const graceSeconds = spec.terminationGracePeriodSeconds ?? 0;
  const { postStart, preStop, stopSignal } = lifecycle;
  const errors: FieldError[] = [];
  if (postStart) errors.push(...checkHandler(child(path, "postStart"), postStart, graceSeconds));
  if (preStop) errors.push(...checkHandler(child(path, "preStop"), preStop, graceSeconds));
  if (stopSignal === undefined) return errors;
  const where = child(path, "stopSignal");
  if (spec.os === undefined) errors.push(forbidden(where, "may not be set for containers with empty `spec.os.name`"));
  else if (spec.os.name === "windows" && stopSignal !== "SIGKILL" && stopSignal !== "SIGTERM")
    errors.push(notSupported(where, stopSignal, ["SIGKILL", "SIGTERM"]));
  return errors;
}
