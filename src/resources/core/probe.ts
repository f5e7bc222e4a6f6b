/** Probe: messages that kinds of core/v1 are made of. */
import {
  inline,
  int32,
  int64,
  intOrString,
  list,
  object,
  of,
  oneOf,
  str,
  string,
  type Infer,
} from "#machinery/shape.ts";

export const execActionShape = object("api.core.v1.ExecAction", {
  command: list(1, str),
});
export interface ExecAction extends Infer<typeof execActionShape> {}

export const httpHeaderShape = object("api.core.v1.HTTPHeader", {
  name: string(1).always(),
  value: string(2).always(),
});
export interface HTTPHeader extends Infer<typeof httpHeaderShape> {}

export const httpGetActionShape = object("api.core.v1.HTTPGetAction", {
  path: string(1).default("/"),
  port: intOrString(2).always(),
  host: string(3),
  scheme: oneOf(4, ["HTTP", "HTTPS"]).default("HTTP"),
  httpHeaders: list(5, httpHeaderShape),
});
export interface HTTPGetAction extends Infer<typeof httpGetActionShape> {}

export const tcpSocketActionShape = object("api.core.v1.TCPSocketAction", {
  port: intOrString(1).always(),
  host: string(2),
});
export interface TCPSocketAction extends Infer<typeof tcpSocketActionShape> {}

export const grpcActionShape = object("api.core.v1.GRPCAction", {
  port: int32(1).always(),
  service: string(2).keepZero().default(""),
});
export interface GRPCAction extends Infer<typeof grpcActionShape> {}

export const probeHandlerShape = object("api.core.v1.ProbeHandler", {
  exec: of(1, execActionShape),
  httpGet: of(2, httpGetActionShape),
  tcpSocket: of(3, tcpSocketActionShape),
  grpc: of(4, grpcActionShape),
});
export interface ProbeHandler extends Infer<typeof probeHandlerShape> {}

export const probeShape = object("api.core.v1.Probe", {
  handler: inline(1, probeHandlerShape),
  initialDelaySeconds: int32(2).dropZero(),
  timeoutSeconds: int32(3).dropZero().default(1),
  periodSeconds: int32(4).dropZero().default(10),
  successThreshold: int32(5).dropZero().default(1),
  failureThreshold: int32(6).dropZero().default(3),
  terminationGracePeriodSeconds: int64(7),
});
export interface Probe extends Infer<typeof probeShape> {}

export const sleepActionShape = object("api.core.v1.SleepAction", {
  seconds: int64(1).always(),
});
export interface SleepAction extends Infer<typeof sleepActionShape> {}

export const lifecycleHandlerShape = object("api.core.v1.LifecycleHandler", {
  exec: of(1, execActionShape),
  httpGet: of(2, httpGetActionShape),
  tcpSocket: of(3, tcpSocketActionShape),
  sleep: of(4, sleepActionShape),
});
export interface LifecycleHandler extends Infer<typeof lifecycleHandlerShape> {}

export const lifecycleShape = object("api.core.v1.Lifecycle", {
  postStart: of(1, lifecycleHandlerShape),
  preStop: of(2, lifecycleHandlerShape),
  stopSignal: oneOf(3, [
    "SIGABRT",
    "SIGALRM",
    "SIGBUS",
    "SIGCHLD",
    "SIGCLD",
    "SIGCONT",
    "SIGFPE",
    "SIGHUP",
    "SIGILL",
    "SIGINT",
    "SIGIO",
    "SIGIOT",
    "SIGKILL",
    "SIGPIPE",
    "SIGPOLL",
    "SIGPROF",
    "SIGPWR",
    "SIGQUIT",
    "SIGSEGV",
    "SIGSTKFLT",
    "SIGSTOP",
    "SIGSYS",
    "SIGTERM",
    "SIGTRAP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGUSR1",
    "SIGUSR2",
    "SIGVTALRM",
    "SIGWINCH",
    "SIGXCPU",
    "SIGXFSZ",
    "SIGRTMIN",
    "SIGRTMIN+1",
    "SIGRTMIN+2",
    "SIGRTMIN+3",
    "SIGRTMIN+4",
    "SIGRTMIN+5",
    "SIGRTMIN+6",
    "SIGRTMIN+7",
    "SIGRTMIN+8",
    "SIGRTMIN+9",
    "SIGRTMIN+10",
    "SIGRTMIN+11",
    "SIGRTMIN+12",
    "SIGRTMIN+13",
    "SIGRTMIN+14",
    "SIGRTMIN+15",
    "SIGRTMAX-14",
    "SIGRTMAX-13",
    "SIGRTMAX-12",
    "SIGRTMAX-11",
    "SIGRTMAX-10",
    "SIGRTMAX-9",
    "SIGRTMAX-8",
    "SIGRTMAX-7",
    "SIGRTMAX-6",
    "SIGRTMAX-5",
    "SIGRTMAX-4",
    "SIGRTMAX-3",
    "SIGRTMAX-2",
    "SIGRTMAX-1",
    "SIGRTMAX",
  ]),
});
export interface Lifecycle extends Infer<typeof lifecycleShape> {}
