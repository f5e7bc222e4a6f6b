/** Folders in memory keep what the real ones keep. */
import { MemoryFiles } from "./memory-files.ts";
import { testFolder } from "./folder-contract.ts";

let count = 0;
testFolder("memory", { files: new MemoryFiles(), place: () => `/place-${(count += 1)}` });
