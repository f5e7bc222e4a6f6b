/** The options of a log request, as a query has them. */
import { badRequest } from "#machinery/status.ts";
import type { LogOptions } from "./container-log.ts";

/** @throws StatusError when a value is not what it has to be. */
export function logOptionsOf(query: URLSearchParams, nowMs: number): LogOptions {
  const sinceSeconds = wholeNumber(query, "sinceSeconds");
  const sinceTime = query.get("sinceTime");
  const sinceMs = sinceTime
    ? Date.parse(sinceTime)
    : sinceSeconds === undefined
      ? undefined
      : nowMs - sinceSeconds * 1000;
  if (Number.isNaN(sinceMs)) throw badRequest(`expected sinceTime in RFC 3339, found "${sinceTime}"`);
  const tailLines = wholeNumber(query, "tailLines");
  const limitBytes = wholeNumber(query, "limitBytes");
  const stream = query.get("stream") ?? "All";
  if (!["All", "Stdout", "Stderr"].includes(stream))
    throw badRequest(`expected stream All, Stdout or Stderr, found "${stream}"`);
  return {
    follow: query.get("follow") === "true",
    timestamps: query.get("timestamps") === "true",
    ...(tailLines !== undefined && { tailLines }),
    ...(sinceMs !== undefined && { sinceMs }),
    ...(limitBytes !== undefined && { limitBytes }),
    ...(stream !== "All" && { stream: stream === "Stdout" ? "stdout" : "stderr" }),
  };
}

function wholeNumber(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === "") return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw badRequest(`expected a whole number for ${name}, found "${text}"`);
  return value;
}
