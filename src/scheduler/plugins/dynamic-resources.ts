/** Claims of dynamic resources. */
import { refused, type Filter } from "../plugin.ts";

// Differs from upstream: dynamic resources are not allocated, so pods that claim some wait and say why.
export const dynamicResources: Filter = ({ pod }) =>
  (pod.spec.resourceClaims ?? []).length === 0
    ? undefined
    : refused("pod has resource claims, which this scheduler does not allocate; remove spec.resourceClaims");
