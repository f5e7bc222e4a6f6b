/** Capacity requirements: messages that kinds of resource/v1 are made of. */
import { map, object, quantityText, type Infer } from "#machinery/shape.ts";

export const capacityRequirementsShape = object("api.resource.v1.CapacityRequirements", {
  requests: map(1, quantityText),
});
export interface CapacityRequirements extends Infer<typeof capacityRequirementsShape> {}
