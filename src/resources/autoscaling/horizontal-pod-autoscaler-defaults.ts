/** The defaults of horizontal pod autoscalers, beyond those that the fields themselves have. */
import type { Draft } from "#machinery/meta.ts";
import type { HorizontalPodAutoscaler, HPAScalingRules } from "./horizontal-pod-autoscaler.ts";

const upRules = (): Draft<HPAScalingRules> => ({
  stabilizationWindowSeconds: 0,
  selectPolicy: "Max",
  policies: [
    { type: "Pods", value: 4, periodSeconds: 15 },
    { type: "Percent", value: 100, periodSeconds: 15 },
  ],
});
const downRules = (): Draft<HPAScalingRules> => ({
  selectPolicy: "Max",
  policies: [{ type: "Percent", value: 100, periodSeconds: 15 }],
});

export function defaultHorizontalPodAutoscaler({ spec }: Draft<HorizontalPodAutoscaler>): void {
  spec.metrics ??= [
    { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 80 } } },
  ];
  const { behavior } = spec;
  if (!behavior) return;
  behavior.scaleUp = { ...upRules(), ...behavior.scaleUp };
  behavior.scaleDown = { ...downRules(), ...behavior.scaleDown };
}
