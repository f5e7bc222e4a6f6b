/** What each program loads before it does anything: its share of the memory and of the time until it is ready. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root, sourcePaths } from "./sources.ts";

/** Everything a file imports, and what that imports, but for types and for what is imported when it is needed. */
function loadedBy(path: string, seen = new Set<string>()): ReadonlySet<string> {
  if (seen.has(path)) return seen;
  seen.add(path);
  const text = readFileSync(join(root, path), "utf8");
  for (const [, names, specifier = ""] of text.matchAll(/^(?:import|export) ([^"';]*?)(?:from )?"([^"]+)"/gm)) {
    const values = (names ?? "").replaceAll(/\btype [\w$]+(?: as [\w$]+)?,?/g, "");
    if (names?.startsWith("type ") || /^\{\s*\}\s*$/.test(values)) continue;
    if (specifier.startsWith("#")) loadedBy(`src/${specifier.slice(1)}`, seen);
    else if (specifier.startsWith(".") && specifier.endsWith(".ts")) loadedBy(join(path, "..", specifier), seen);
    else if (!specifier.endsWith(".json")) seen.add(specifier);
  }
  return seen;
}

test("an agent loads nothing of the API server, the datastore, the controllers and the scheduler", () => {
  const loaded = [...loadedBy("src/distro/commands.ts"), ...loadedBy("src/distro/agent.ts")];
  assert(loaded.includes("src/kubelet/kubelet.ts"));
  const ofServer = /^src\/(?:apiserver|storage|controllers|scheduler|addons)\//;
  // Two files without imports, which say which version this is and what --disable may name.
  const small = ["src/apiserver/version.ts", "src/controllers/names.ts"];
  assert.deepEqual(
    loaded.filter((path) => ofServer.test(path) && !small.includes(path)),
    [],
  );
});

test("tar archives and WebSockets are loaded when they are needed", () => {
  const loaded = [...loadedBy("src/distro/commands.ts"), ...loadedBy("src/distro/server.ts")];
  assert(loaded.includes("src/apiserver/pipeline.ts"));
  assert.deepEqual(
    loaded.filter((specifier) => ["tar-stream", "ws"].includes(specifier)),
    [],
  );
});

test("every thread is started in the one form that the pack knows", () => {
  const other = sourcePaths().filter((path) =>
    /new Worker\((?!\s*new URL\("[\w-]+\.ts", import\.meta\.url\))/.test(readFileSync(join(root, path), "utf8")),
  );
  assert.deepEqual(other, []);
});
