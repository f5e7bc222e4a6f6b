/**
 * Packed into each program and thread: the lines of an error's stack name the sources, not the pack. The maps are read when the
 * first stack is asked for, which only bugs do, and given back with the next collection of garbage.
 */
import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const maps = new Map<string, WeakRef<SourceMap>>();

Error.prepareStackTrace = (error, sites) =>
  [headOf(error), ...sites.map((site) => `    at ${placed(site)}`)].join("\n");

function headOf(error: Error): string {
  try {
    return String(error);
  } catch {
    // An error whose own text throws is an error all the same.
    return "Error";
  }
}

/** V8's frames print themselves, which their type does not say. */
interface Frame extends NodeJS.CallSite {
  toString(): string;
}

function placed(site: Frame): string {
  const text = site.toString();
  const url = site.getFileName();
  const [line, column] = [site.getLineNumber(), site.getColumnNumber()];
  if (url == null || line === null || column === null || !url.startsWith(import.meta.url.replace(/[^/]*$/, "")))
    return text;
  try {
    const file = fileURLToPath(url);
    const entry = mapOf(file).findEntry(line - 1, column - 1);
    if (!("originalSource" in entry)) return text;
    const place = `${join(dirname(file), entry.originalSource)}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
    return text.replace(`${url}:${line}:${column}`, place);
  } catch {
    // Without its map the line of the pack is what can be said.
    return text;
  }
}

function mapOf(file: string): SourceMap {
  const known = maps.get(file)?.deref();
  if (known) return known;
  const map = new SourceMap(JSON.parse(readFileSync(`${file}.map`, "utf8")));
  maps.set(file, new WeakRef(map));
  return map;
}
