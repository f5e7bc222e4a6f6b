/** The runtime in memory does what the real one does. */
import { VirtualClock } from "./virtual-clock.ts";
import { FakeRuntime } from "./fake-runtime.ts";
import { testRuntime } from "./runtime-contract.ts";

const clock = new VirtualClock();
const image = "kedge.local/busybox:1";
const runtime = new FakeRuntime({ clock, images: [image] });

testRuntime("the runtime in memory", {
  runtime: () => runtime,
  image,
  logFolder: "/logs",
  until: async (holds) => {
    while (!(await holds())) await clock.advance(1);
  },
});
