/** `kedge kubectl`: kubectl of the bundle, with kedge's kubeconfig unless the user has another one. */
import { accessSync, constants } from "node:fs";
import { join } from "node:path";

export interface KubectlOptions {
  /** The bundled program; undefined when the bundle has not been built, then the PATH is searched. */
  readonly bundled: string | undefined;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What stands for KUBECONFIG when the user has not set it. */
  readonly kubeconfig: string;
}

export interface KubectlCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** What is to be run. @throws Error when there is no kubectl. */
export function kubectlCommand({ bundled, args, env, kubeconfig }: KubectlOptions): KubectlCommand {
  const folders = (env["PATH"] ?? "").split(":").filter((folder) => folder !== "");
  const program = [bundled, ...folders.map((folder) => join(folder, "kubectl"))].find(isExecutable);
  if (program === undefined) {
    throw new Error(
      "expected kubectl in the runtime bundle or in the PATH, found none; run kedge server once to fetch it",
    );
  }
  const defined = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { program, args: ["kubectl", ...args], env: { KUBECONFIG: kubeconfig, ...Object.fromEntries(defined) } };
}

/** Becomes kubectl: this process is replaced, so that signals, terminal and exit code are kubectl's own. */
export function runKubectl(options: KubectlOptions): never {
  const { program, args, env } = kubectlCommand(options);
  if (!process.execve) throw new Error("expected a system that can replace a process, found one that cannot");
  return process.execve(program, args, env);
}

function isExecutable(path: string | undefined): path is string {
  if (path === undefined) return false;
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Missing and not executable are the same to who looks for a program.
    return false;
  }
}
