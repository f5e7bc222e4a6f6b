/** `kedge help`, and what an unknown command is answered with. */

export interface CommandHelp {
  readonly name: string;
  /** Arguments after the name. */
  readonly usage: string;
  /** One line, without a full stop. */
  readonly help: string;
}

export function helpText(commands: readonly CommandHelp[]): string {
  const width = Math.max(...commands.map(({ name, usage }) => name.length + usage.length)) + 3;
  const lines = commands.map(({ name, usage, help }) => `  ${`${name} ${usage}`.padEnd(width)}${help}`);
  return `kedge is a complete, lightweight Kubernetes.

Usage: kedge COMMAND [flags]

Commands:
${lines.join("\n")}

"kedge COMMAND --help" tells the flags of a command.
`;
}

/** One sentence for a command that does not exist. */
export function unknownCommand(found: string, commands: readonly CommandHelp[]): string {
  const names = commands.map(({ name }) => name).join(", ");
  return `expected a command (${names}), found "${found}"; "kedge help" tells what each does`;
}
