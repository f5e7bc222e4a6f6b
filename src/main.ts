/** kedge: a complete, lightweight Kubernetes. Turns arguments into a command; each loads only what it needs. */
import { forgetProto, own } from "#base/own.ts";
import { helpText, unknownCommand, type CommandHelp } from "#cli/help.ts";

forgetProto();

interface Command extends CommandHelp {
  readonly run: (args: readonly string[]) => Promise<number>;
}

const commands: readonly Command[] = [
  {
    name: "server",
    usage: "[flags]",
    help: "Run a cluster: control plane and node",
    run: async (args) => (await import("#distro/commands.ts")).server(args),
  },
  {
    name: "agent",
    usage: "[flags]",
    help: "Run a node of a cluster whose server is elsewhere",
    run: async (args) => (await import("#distro/commands.ts")).agent(args),
  },
  { name: "kubectl", usage: "...", help: "Run kubectl on this machine's cluster", run: kubectl },
  {
    name: "killall",
    usage: "[--data-dir DIR]",
    help: "End the server and all its containers; data stays",
    run: async (args) => (await import("#distro/cleanup.ts")).killall(args),
  },
  {
    name: "uninstall",
    usage: "[--data-dir DIR] --yes",
    help: "End everything, undo every change to this machine, delete the data",
    run: async (args) => (await import("#distro/cleanup.ts")).uninstall(args),
  },
  {
    name: "check",
    usage: "[--repair] [--data-dir DIR]",
    help: "Say whether the datastore is sound, and repair it",
    run: async (args) => (await import("#distro/check.ts")).check(args),
  },
  {
    name: "version",
    usage: "[--runtime]",
    help: "Say which version this is, or of what its runtime is",
    run: printVersion,
  },
  { name: "help", usage: "", help: "Say what there is", run: async () => print(helpText(commands)) },
];

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

async function kubectl(args: readonly string[]): Promise<number> {
  const { runKubectl } = await import("#cli/kubectl.ts");
  const { kubeconfigPath, installRoot, locateBundle } = await import("#distro/places.ts");
  return runKubectl({
    bundled: locateBundle(installRoot)?.kubectl,
    args,
    env: process.env,
    kubeconfig: kubeconfigPath,
  });
}

async function printVersion(args: readonly string[]): Promise<number> {
  const { runtimeText, versionText } = await import("#cli/version.ts");
  const { kubernetesVersion, installRoot, locateBundle } = await import("#distro/places.ts");
  if (!args.includes("--runtime"))
    return print(versionText({ gitVersion: kubernetesVersion, nodeVersion: process.versions.node }));
  const bundle = locateBundle(installRoot);
  if (bundle) return print(runtimeText((await import("#distro/runtime-packages.ts")).runtimePackages(bundle.sbom)));
  process.stderr.write(
    "kedge: expected the container runtime, found that it is not built yet; kedge server builds it\n",
  );
  return 1;
}

const aliases: Readonly<Record<string, string>> = {
  "--version": "version",
  "-v": "version",
  "--help": "help",
  "-h": "help",
};
const [given = "help", ...args] = process.argv.slice(2);
const command = commands.find(({ name }) => name === (own(aliases, given) ?? given));
if (command) process.exit(await command.run(args));
process.stderr.write(`kedge: ${unknownCommand(given, commands)}\n`);
process.exit(2);
