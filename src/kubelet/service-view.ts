/** What containers are told of Services, in their environment. */
import { view, type KindView, type Seen } from "#machinery/view.ts";
import { services } from "#resources/core/service.ts";

const declared = view(services, { spec: { clusterIP: true, ports: true } });

export interface ServiceSeen extends Seen<typeof declared> {}

export const serviceView: KindView<ServiceSeen> = declared;
