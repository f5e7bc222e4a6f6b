import assert from "node:assert/strict";
import { test } from "node:test";
import { TestApiServer } from "#testing/api-server.ts";
import { warningHeaders } from "./warnings.ts";

test("a warning in any language is a header that Node can send, in UTF-8 bytes", async () => {
  const server = new TestApiServer();
  const body = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" }, данные: 1 };
  const made = await server.ask("POST /api/v1/namespaces/default/configmaps", { body });
  const [warning = ""] = [made.headers["warning"] ?? []].flat();
  assert.doesNotMatch(warning, /[^\t\x20-\x7e\x80-\xff]/);
  assert.match(Buffer.from(warning, "latin1").toString(), /^299 - "unknown field \\"данные\\""$/);
});

test("warnings are said once, and beyond 4,096 characters each is cut to 256 and the rest left out", () => {
  assert.deepEqual(warningHeaders(["a", 'b"\\', "a", "c\n"]), ['299 - "a"', '299 - "b\\"\\\\"']);
  const many = warningHeaders(Array.from({ length: 1_000 }, (_, at) => String(at).padEnd(1_000, "x")));
  assert.equal(many.length, 16);
  assert.ok(many.every((header) => header.length === 256 + '299 - ""'.length));
});
