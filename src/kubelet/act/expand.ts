/**
 * `$(NAME)` in commands, arguments, values and sub-paths. `$$` is a dollar sign; a name that is not known stays as it is.
 *
 * Values that name each other double with each step, so a text that grows beyond what the kernel passes to a program
 * is refused before it is made.
 *
 * @see https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#Container
 */

/** The kernel's limit of one argument or variable, MAX_ARG_STRLEN. */
export const expandedCharactersMax = 128 * 1024;

/** The kernel's limit of all arguments and variables of a program, in characters, which are at least a byte. */
export const programCharactersMax = 6 * 1024 * 1024;

/** A text that no program could be given. */
export class ExpansionError extends Error {
  override readonly name = "ExpansionError";
}

/** @throws ExpansionError when the result is too long for the kernel. */
export function expand(text: string, values: ReadonlyMap<string, string>): string {
  return replaced(text, (name, whole) => values.get(name) ?? whole);
}

/** Each of the texts. @throws ExpansionError when one of them, or all of them together, are too long for the kernel. */
export function expandAll(texts: readonly string[], values: ReadonlyMap<string, string>): readonly string[] {
  const room = new ProgramRoom();
  return texts.map((text) => {
    const expanded = expand(text, values);
    room.take(expanded);
    return expanded;
  });
}

/** What is left of what a program can be given. */
export class ProgramRoom {
  private charactersLeft = programCharactersMax;

  /** @throws ExpansionError when it does not fit. */
  take(text: string): void {
    this.charactersLeft -= text.length;
    if (this.charactersLeft < 0)
      throw new ExpansionError(
        `expected at most ${programCharactersMax} characters for a program's arguments or environment, found more`,
      );
  }
}

/**
 * As `expand`, but a name that is not known is an error: a path made of it would be another one than meant.
 *
 * @throws Error when a name is not known, ExpansionError when the result is too long for the kernel.
 */
export function expandStrictly(text: string, values: ReadonlyMap<string, string>): string {
  return replaced(text, (name) => {
    const value = values.get(name);
    if (value === undefined) throw new Error(`missing value for "${name}"`);
    return value;
  });
}

/** One pass from left to right: what stands in place of a name is not looked at again. */
function replaced(text: string, valueOf: (name: string, whole: string) => string): string {
  const parts: string[] = [];
  let charactersLeft = expandedCharactersMax;
  const add = (part: string): void => {
    charactersLeft -= part.length;
    if (charactersLeft < 0)
      throw new ExpansionError(`expected at most ${expandedCharactersMax} characters after expansion, found more`);
    parts.push(part);
  };
  // Behind the last bracket no reference ends: it is looked for once, not from every dollar sign.
  const lastClosing = text.lastIndexOf(")");
  let from = 0;
  for (let at = text.indexOf("$"); at >= 0; at = text.indexOf("$", from)) {
    add(text.slice(from, at));
    const next = text[at + 1];
    if (next === "(" && at < lastClosing) {
      const end = text.indexOf(")", at) + 1;
      add(valueOf(text.slice(at + 2, end - 1), text.slice(at, end)));
      from = end;
    } else {
      add("$");
      from = at + (next === "$" ? 2 : 1);
    }
  }
  add(text.slice(from));
  return parts.join("");
}
