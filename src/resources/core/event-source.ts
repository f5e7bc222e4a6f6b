/** Event source: messages that kinds of core/v1 are made of. */
import { object, string, type Infer } from "#machinery/shape.ts";

export const eventSourceShape = object("api.core.v1.EventSource", {
  component: string(1),
  host: string(2),
});
export interface EventSource extends Infer<typeof eventSourceShape> {}
