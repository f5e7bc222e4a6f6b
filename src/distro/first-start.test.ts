import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { StartError } from "./data-folder.ts";
import { foundingOf } from "./first-start.ts";

let data: string;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), "kedge-first-"));
});
afterEach(() => rmSync(data, { recursive: true }));

function put(path: string): void {
  mkdirSync(join(data, path, ".."), { recursive: true });
  writeFileSync(join(data, path), "x");
}

test("a start is the first one until the cluster stands, however often it is cut off", () => {
  assert.equal(foundingOf(data).first, true);
  put("server/tls/server-ca.crt");
  assert.equal(foundingOf(data).first, true);
  put("server/db/state.db");
  const founding = foundingOf(data);
  assert.equal(founding.first, true);
  founding.stands();
  assert.equal(foundingOf(data).first, false);
});

test("certificates without a database are a cluster that lost it, and not an empty one", () => {
  put("server/tls/server-ca.crt");
  const refused = (): unknown => foundingOf(data);
  assert.throws(refused, StartError);
  assert.throws(
    refused,
    /expected the database .*state\.db beside the certificates .*restore the folder "server" from/,
  );
  // What was refused once is refused again.
  assert.throws(refused, StartError);
});

test("a database of before the mark was there is a cluster", () => {
  put("server/db/state.db");
  assert.equal(foundingOf(data).first, false);
});
