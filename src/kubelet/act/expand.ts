/**
 * `$(NAME)` in commands, arguments, values and sub-paths. `$$` is a dollar sign; a name that is not known stays as it is.
 *
 * @see https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#Container
 */
export function expand(text: string, values: ReadonlyMap<string, string>): string {
  return text.replaceAll(/\$(\$|\(([^)]*)\))/g, (whole, operator: string, name: string | undefined) => {
    if (operator === "$") return "$";
    return values.get(name ?? "") ?? whole;
  });
}

/** As `expand`, but a name that is not known is an error: a path made of it would be another one than meant. */
export function expandStrictly(text: string, values: ReadonlyMap<string, string>): string {
  return text.replaceAll(/\$(\$|\(([^)]*)\))/g, (_, operator: string, name = "") => {
    if (operator === "$") return "$";
    const value = values.get(name);
    if (value === undefined) throw new Error(`missing value for "${name}"`);
    return value;
  });
}
