import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { kubectlCommand } from "./kubectl.ts";

const folder = mkdtempSync(join(tmpdir(), "kedge-kubectl-"));
after(() => rmSync(folder, { recursive: true }));
const program = join(folder, "kubectl");
writeFileSync(program, '#!/bin/sh\necho "$KUBECONFIG" "$@"\nexit 7\n');
chmodSync(program, 0o755);
const options = { bundled: undefined, args: ["get", "pods"], kubeconfig: "/etc/kedge/kedge.yaml" };

test("the bundled kubectl is preferred, the user's kubeconfig too", () => {
  const bundled = kubectlCommand({ ...options, bundled: program, env: { PATH: "/none", KUBECONFIG: "/mine" } });
  assert.deepEqual([bundled.program, bundled.env["KUBECONFIG"]], [program, "/mine"]);
  const found = kubectlCommand({ ...options, bundled: "/none", env: { PATH: `/none:${folder}` } });
  assert.deepEqual([found.program, found.env["KUBECONFIG"]], [program, "/etc/kedge/kedge.yaml"]);
  assert.throws(() => kubectlCommand({ ...options, env: {} }), /^Error: expected kubectl in the runtime bundle/);
});

test("kubectl replaces the process: its output and exit code are the command's", () => {
  const source = `
    import { runKubectl } from ${JSON.stringify(join(import.meta.dirname, "kubectl.ts"))};
    runKubectl(${JSON.stringify({ ...options, bundled: program, env: {} })});`;
  assert.throws(
    () => execFileSync(process.execPath, ["--no-warnings", "--input-type=module", "-e", source], { encoding: "utf8" }),
    (error: { status?: number; stdout?: string }) =>
      error.status === 7 && error.stdout === "/etc/kedge/kedge.yaml get pods\n",
  );
});
