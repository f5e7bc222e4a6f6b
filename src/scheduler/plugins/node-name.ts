/** A pod that names its node goes nowhere else. */
import { check, unresolvable, type Filter, type Hint } from "../plugin.ts";

export const nodeName: Filter = ({ pod }) => {
  const wanted = pod.spec.nodeName ?? "";
  if (wanted === "") return undefined;
  return check(({ name }) =>
    name === wanted ? undefined : unresolvable("node(s) didn't match the requested node name"),
  );
};

export const nodeNameHint: Hint = (_, event) => event.kind === "node" && event.old === undefined;
