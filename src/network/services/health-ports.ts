/**
 * Ports at which a load balancer asks whether this machine has endpoints of a Service with the local traffic policy.
 *
 * @see https://kubernetes.io/docs/tasks/access-application-cluster/create-external-load-balancer/#preserving-the-client-source-ip
 */
import { messageOf } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";
import type { Component } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import { Reconciled } from "#base/reconciled.ts";
import { type ServiceSeen, type SliceSeen } from "../service-view.ts";

export interface HealthAnswer {
  readonly code: 200 | 503;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body: string;
}

/** Opens a port of this machine. `answer` is asked for each request. @throws Error when the port cannot be had */
export type ServeHealth = (port: number, answer: () => HealthAnswer) => Promise<{ close(): Promise<void> }>;

export interface HealthPortsOptions {
  readonly serveHealth: ServeHealth;
  readonly clock: Clock;
  readonly log: Log;
}

export interface HealthPorts extends Component {
  /** Says that Services or endpoints changed. */
  look(): void;
}

type Answers = ReadonlyMap<number, HealthAnswer>;

interface Seen {
  readonly wanted: Answers;
  readonly open: readonly number[];
}

interface Change {
  readonly open: readonly number[];
  readonly close: readonly number[];
}

// Answers may be this old: load balancers ask every few seconds.
const gatherMs = 200;

/** @param answersNow What is to be said at which port. */
export function healthPorts(
  { serveHealth, clock, log }: HealthPortsOptions,
  answersNow: () => ReadonlyMap<number, HealthAnswer>,
): HealthPorts {
  const open = new Map<number, { close(): Promise<void> }>();
  let answers: Answers = new Map();
  const ports = new Reconciled<undefined, Seen, Change>(
    {
      name: "health check ports",
      observe: async () => ({ wanted: (answers = answersNow()), open: [...open.keys()] }),
      compare: (_, seen) => portChange(seen),
      act: async (change) => {
        for (const port of change.close) {
          await open.get(port)?.close();
          open.delete(port);
        }
        const failures: unknown[] = [];
        for (const port of change.open)
          try {
            open.set(port, await serveHealth(port, () => answers.get(port) ?? unknownService));
          } catch (error) {
            // Who else has it keeps no other Service's port closed.
            failures.push(error);
          }
        if (failures.length > 0) throw new Error(failures.map(messageOf).join("; "));
      },
    },
    { clock, log, gatherMs },
  );
  ports.want(undefined);
  return {
    name: ports.name,
    look: () => ports.look(),
    run: async (signal) => {
      await ports.run(signal);
      for (const server of open.values()) await server.close();
      open.clear();
    },
  };
}

const unknownService: HealthAnswer = { code: 503, headers: {}, body: "{}" };

function portChange({ wanted, open }: Seen): Change | undefined {
  const change = {
    open: [...wanted.keys()].filter((port) => !open.includes(port)),
    close: open.filter((port) => !wanted.has(port)),
  };
  return change.open.length + change.close.length === 0 ? undefined : change;
}

/** Pure: what is to be said at which port. */
export function healthAnswers(
  services: readonly ServiceSeen[],
  slicesOf: (service: ServiceSeen) => readonly SliceSeen[],
  nodeName: string,
): Answers {
  const answers = new Map<number, HealthAnswer>();
  for (const service of services) {
    const { type, externalTrafficPolicy, healthCheckNodePort: port = 0 } = service.spec;
    if (type !== "LoadBalancer" || externalTrafficPolicy !== "Local" || port === 0) continue;
    const { namespace, name } = service.metadata;
    const localEndpoints = localReady(slicesOf(service), nodeName);
    answers.set(port, {
      code: localEndpoints > 0 ? 200 : 503,
      headers: {
        "content-type": "application/json",
        "x-content-type-options": "nosniff",
        "x-load-balancing-endpoint-weight": String(localEndpoints),
      },
      body: JSON.stringify({ service: { namespace, name }, localEndpoints, serviceProxyHealthy: true }),
    });
  }
  return answers;
}

function localReady(slices: readonly SliceSeen[], nodeName: string): number {
  const ready = slices.flatMap(({ endpoints }) =>
    endpoints.filter((endpoint) => endpoint.nodeName === nodeName && endpoint.conditions.ready !== false),
  );
  return new Set(ready.flatMap(({ addresses }) => addresses.slice(0, 1))).size;
}
