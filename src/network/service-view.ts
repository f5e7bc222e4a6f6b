/** What proxy and DNS read of Services and their endpoints. Every node holds those of the whole cluster. */
import { view, type KindView, type Seen } from "#machinery/view.ts";
import { services } from "#resources/core/service.ts";
import { endpointSlices } from "#resources/discovery/endpoint-slice.ts";

const declaredService = view(services, {
  metadata: { creationTimestamp: true },
  spec: true,
  status: { loadBalancer: true },
});

export interface ServiceSeen extends Seen<typeof declaredService> {}

export const serviceView: KindView<ServiceSeen> = declaredService;

const declaredSlice = view(endpointSlices, {
  metadata: { labels: true },
  addressType: true,
  endpoints: true,
  ports: true,
});

export interface SliceSeen extends Seen<typeof declaredSlice> {}

export const sliceView: KindView<SliceSeen> = declaredSlice;
