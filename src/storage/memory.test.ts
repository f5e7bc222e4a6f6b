import { testStore } from "./contract.ts";
import { openMemoryStore } from "./memory.ts";

testStore("memory", async () => openMemoryStore());
