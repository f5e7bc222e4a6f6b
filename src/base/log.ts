/** Structured logging with a level a component. Lines go to a sink that is given; secrets never go into fields. */
import type { Clock } from "./clock.ts";
import { own } from "./own.ts";

export type Level = "debug" | "info" | "warn" | "error";
export type Fields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Log {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** The same log under another component's name. */
  for(component: string): Log;
}

export interface LogOptions {
  readonly clock: Clock;
  /** Takes one line without its line feed. */
  readonly write: (line: string) => void;
  readonly level: Level;
  /** Levels of single components, which win over `level`. */
  readonly levels?: Readonly<Record<string, Level>>;
}

const rank: Readonly<Record<Level, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** A log that writes `time level component: message key=value …`. */
export function createLog(options: LogOptions, component = "kedge"): Log {
  const least = rank[own(options.levels, component) ?? options.level];
  const at = (level: Level) => (message: string, fields?: Fields) => {
    if (rank[level] < least) return;
    const time = new Date(options.clock.nowMs()).toISOString();
    options.write(`${time} ${level.padEnd(5)} ${component}: ${message}${formatFields(fields)}`);
  };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    for: (name) => createLog(options, name),
  };
}

/** A log that says nothing. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  for: () => silentLog,
};

function formatFields(fields: Fields | undefined): string {
  if (!fields) return "";
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${typeof value === "string" ? quoteIfNeeded(value) : String(value)}`)
    .join("");
}

function quoteIfNeeded(value: string): string {
  return /^[\w.:/@-]+$/.test(value) ? value : JSON.stringify(value);
}
