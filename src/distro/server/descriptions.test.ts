import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { descriptionsIn } from "./descriptions.ts";

const folder = mkdtempSync(join(tmpdir(), "kedge-descriptions-"));
after(() => rmSync(folder, { recursive: true }));
const whole = gzipSync(JSON.stringify({ V1Pod: { spec: "What it is to be." } }));

test("a file of words that is missing, empty or cut short gives no words, and does not keep OpenAPI from being served", () => {
  const file = join(folder, "words.gz");
  assert.equal(descriptionsIn(file).find("v1.Pod", "spec"), undefined);
  for (const bytes of [Buffer.alloc(0), whole.subarray(0, 20), Buffer.alloc(whole.length), gzipSync("[")]) {
    writeFileSync(file, bytes);
    assert.equal(descriptionsIn(file).find("v1.Pod", "spec"), undefined);
  }
  writeFileSync(file, whole);
  assert.equal(descriptionsIn(file).find("v1.Pod", "spec"), "What it is to be.");
});
