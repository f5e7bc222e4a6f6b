/** Asking a container once whether it is well, or telling it something: the actions of probes and life cycle hooks. */
import { messageOf } from "#base/assert.ts";
import { RuntimeError, type ContainerRuntime } from "#host/cri.ts";
import type { Container, EphemeralContainer } from "#resources/core/container.ts";
import type { ExecAction, GRPCAction, HTTPGetAction, TCPSocketAction } from "#resources/core/probe.ts";
import type { ProbeNetwork } from "../machine.ts";

/** What can be asked; exactly one is given. */
export interface Action {
  readonly exec?: ExecAction | undefined;
  readonly httpGet?: HTTPGetAction | undefined;
  readonly tcpSocket?: TCPSocketAction | undefined;
  readonly grpc?: GRPCAction | undefined;
}

export interface Asked {
  readonly container: Container | EphemeralContainer;
  readonly containerId: string;
  readonly podIp: string;
  readonly timeoutSeconds: number;
}

export interface Answer {
  /** "unknown" when it could not even be asked. */
  readonly result: "success" | "failure" | "unknown";
  readonly output: string;
  /** It counts as a success, but whoever wrote the probe should look at it. */
  readonly warns?: true;
}

export interface AskParts {
  readonly runtime: ContainerRuntime;
  readonly network: ProbeNetwork;
}

const outputCharactersMax = 1024;
const failure = (output: string): Answer => ({ result: "failure", output: output.slice(0, outputCharactersMax) });
const success = (output = ""): Answer => ({ result: "success", output: output.slice(0, outputCharactersMax) });

/** Never throws, except when the signal is aborted. */
export async function ask(
  parts: AskParts,
  action: Action,
  asked: Asked & { readonly signal: AbortSignal },
): Promise<Answer> {
  const { exec, httpGet, tcpSocket, grpc } = action;
  try {
    if (exec) return await askByCommand(parts.runtime, exec, asked);
    if (httpGet) return await askByHttp(parts.network, httpGet, asked);
    if (tcpSocket) {
      const host = tcpSocket.host || asked.podIp;
      const port = portOf(asked.container, tcpSocket.port);
      await parts.network.tcp({ host, port, timeoutMs: asked.timeoutSeconds * 1000 }, asked.signal);
      return success();
    }
    if (!grpc) return { result: "unknown", output: "expected exec, httpGet, tcpSocket or grpc, found none of them" };
    const target = { host: asked.podIp, port: grpc.port, timeoutMs: asked.timeoutSeconds * 1000 };
    const status = await parts.network.grpcHealth({ ...target, service: grpc.service ?? "" }, asked.signal);
    return status === "SERVING" ? success() : failure(`service unhealthy (responded with "${status}")`);
  } catch (error) {
    asked.signal.throwIfAborted();
    return failure(messageOf(error));
  }
}

async function askByCommand(
  runtime: ContainerRuntime,
  exec: ExecAction,
  { containerId, timeoutSeconds, signal }: Asked & { readonly signal: AbortSignal },
): Promise<Answer> {
  const cmd = exec.command ?? [];
  try {
    const answer = await runtime.execSync({ containerId, cmd, timeoutSeconds }, signal);
    const output = new TextDecoder().decode(Buffer.concat([answer.stdout, answer.stderr]));
    return answer.exitCode === 0 ? success(output) : failure(output);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof RuntimeError && error.code === "DeadlineExceeded")
      return failure(`command timed out: "${cmd.join(" ")}" timed out after ${timeoutSeconds}s`);
    return { result: "unknown", output: messageOf(error) };
  }
}

async function askByHttp(
  network: ProbeNetwork,
  action: HTTPGetAction,
  asked: Asked & { readonly signal: AbortSignal },
): Promise<Answer> {
  const request = {
    method: "GET",
    url: urlOf(action, asked),
    headers: headersOf(action),
    timeoutMs: asked.timeoutSeconds * 1000,
  } as const;
  const { status, body } = await network.http(request, asked.signal);
  if (status >= 300 && status < 400)
    return { ...success(`Probe terminated redirects, Response body: ${body}`), warns: true };
  if (status >= 200 && status < 300) return success(body);
  return failure(`HTTP probe failed with statuscode: ${status}`);
}

function urlOf(action: HTTPGetAction, { podIp, container }: Asked): string {
  const host = action.host || podIp;
  const path = action.path ?? "/";
  const port = portOf(container, action.port);
  const scheme = (action.scheme ?? "HTTP").toLowerCase();
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}${path.startsWith("/") ? path : `/${path}`}`;
}

function headersOf(action: HTTPGetAction): Readonly<Record<string, string>> {
  const headers: Record<string, string> = { "user-agent": "kube-probe/1.36", accept: "*/*", connection: "close" };
  for (const { name, value } of action.httpHeaders ?? [])
    if (value === "") delete headers[name.toLowerCase()];
    else headers[name.toLowerCase()] = value;
  return headers;
}

/** A port by number, or by the name the container gives it. @throws Error when it gives no port that name. */
export function portOf(container: Container | EphemeralContainer, port: number | string): number {
  if (typeof port === "number") return port;
  const named = container.ports?.find((one) => one.name === port)?.containerPort;
  const number = named ?? Number(port);
  if (Number.isInteger(number) && number > 0 && number < 65_536) return number;
  throw new Error(`couldn't find port "${port}" of container "${container.name}"`);
}
