/** A pod goes where its volumes are, or can be made. */
import { check, refused, unresolvable, type Filter, type Hint } from "../plugin.ts";
import { claimsOf, planVolumes } from "../volumes.ts";

export const volumeBinding: Filter = (pod, { related }) => {
  const claims = claimsOf(pod, related);
  if (!claims) return undefined;
  if (claims.kind === "none") return refused(claims.why);
  return check(({ node }) => {
    const plan = planVolumes(claims, node, related);
    return plan.kind === "none" ? unresolvable(plan.why) : undefined;
  });
};

export const volumeBindingHint: Hint = (_, event) => event.kind === "storage" || event.kind === "node";
