/** Writes events about objects to the API, in the background: counted, combined, bounded and dropped under load. */
import { messageOf } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";
import type { Component } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import { BoundedStream } from "#base/queue.ts";
import { keyOf, type Referable } from "#machinery/meta.ts";
import { isReason, StatusError } from "#machinery/status.ts";
import { events, type Event } from "#resources/core/event.ts";
import type { Client } from "./client.ts";
import { Correlator, type Occurrence, type Source, type Verdict } from "./events/correlator.ts";
import type { ObjectEvent, Recorder } from "./recorder.ts";

const waitingMax = 1_000;
const attemptsMax = 5;
const pauseMs = 2_000;

export interface EventRecorderParts {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Log;
  readonly source: Source;
}

export class EventRecorder implements Recorder, Component {
  readonly name: string;
  private readonly parts: EventRecorderParts;
  private readonly correlator: Correlator;
  private waiting = new BoundedStream<Occurrence>(waitingMax);

  constructor(parts: EventRecorderParts) {
    this.parts = parts;
    this.name = `${parts.source.component}-events`;
    this.correlator = new Correlator(parts.source);
  }

  record(about: Referable, { type, reason, message, fieldPath }: ObjectEvent): void {
    const { name = "", namespace, uid, resourceVersion } = about.metadata;
    this.waiting.push({
      about: {
        kind: about.kind,
        apiVersion: about.apiVersion,
        name,
        ...(namespace === undefined ? {} : { namespace }),
        ...(uid === undefined ? {} : { uid }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
        ...(fieldPath === undefined ? {} : { fieldPath }),
      },
      type,
      reason,
      message,
      atMs: this.parts.clock.nowMs(),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // The only way this rejects is the abort, which ends the loop.
      const batch = await this.waiting.take(signal).catch(() => undefined);
      for (const occurrence of batch ?? []) {
        if (signal.aborted) return;
        await this.write(this.correlator.judge(occurrence), signal);
      }
    }
  }

  /** Tries again while the server cannot be reached; what it refuses is lost. */
  private async write(verdict: Verdict, signal: AbortSignal): Promise<void> {
    if (verdict.kind === "dropped") return;
    for (let attempt = 1; attempt <= attemptsMax && !signal.aborted; attempt += 1) {
      try {
        await (verdict.kind === "new" ? this.create(verdict.event) : this.count(verdict.event));
        return;
      } catch (error) {
        const refused = error instanceof StatusError && error.code < 500 && error.code !== 429;
        if (refused || attempt === attemptsMax) {
          this.parts.log.debug("event not written", { reason: verdict.event.reason, error: messageOf(error) });
          return;
        }
        // The only way this sleep rejects is the abort, which ends the loop.
        await this.parts.clock.sleep(pauseMs, signal).catch(() => undefined);
      }
    }
  }

  private async create(event: Event): Promise<void> {
    await this.parts.client.create(events, event);
  }

  /** An event that has expired meanwhile is written anew, with its count. */
  private async count(event: Event): Promise<void> {
    const { count, message, lastTimestamp } = event;
    const body = { count, message, lastTimestamp };
    try {
      await this.parts.client.patch({ resource: events, key: keyOf(event) }, { type: "merge", body });
    } catch (error) {
      if (!isReason(error, "NotFound")) throw error;
      await this.create(event);
    }
  }
}
