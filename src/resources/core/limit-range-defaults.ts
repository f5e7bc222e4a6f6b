/** The defaults of limit ranges: what is left out for containers follows from what is said. */
import type { Draft } from "#machinery/meta.ts";
import type { LimitRange } from "./limit-range.ts";

export function defaultLimitRange({ spec }: Draft<LimitRange>): void {
  for (const item of spec.limits) {
    if (item.type !== "Container") continue;
    const limits = { ...item.max, ...item.default };
    const requests = { ...item.min, ...limits, ...item.defaultRequest };
    if (Object.keys(limits).length > 0) item.default = limits;
    if (Object.keys(requests).length > 0) item.defaultRequest = requests;
  }
}
