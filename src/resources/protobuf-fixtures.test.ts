/**
 * Holds the protobuf codec to upstream's own fixtures, the same objects in both forms. They are in Debian's
 * golang-k8s-api-dev: KEDGE_API_FIXTURES is the path of its k8s.io/api/testdata/HEAD.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { decode } from "#machinery/decode.ts";
import { decodeEnvelope, decodeMessage, encodeMessage } from "#machinery/protobuf.ts";
import { catalogue } from "./catalogue.ts";

const folder = process.env["KEDGE_API_FIXTURES"] ?? "";

function fixture(group: string, version: string, kind: string): string {
  return join(folder, `${group === "" ? "core" : group}.${version}.${kind}`);
}

if (folder === "")
  test("upstream's fixtures: not run, because KEDGE_API_FIXTURES names no folder of them", () => undefined);
else
  for (const { group, version, kind, shape } of catalogue) {
    const path = fixture(group, version, kind);
    if (!existsSync(`${path}.pb`)) continue;
    test(`${kind} of ${group === "" ? version : `${group}/${version}`} is the same in both forms`, () => {
      const { object, problems } = decode(shape, JSON.parse(readFileSync(`${path}.json`, "utf8")));
      assert.deepEqual(problems, []);
      const { raw } = decodeEnvelope(readFileSync(`${path}.pb`));
      const { apiVersion: _, kind: __, ...fields } = object;
      const decoded = decodeMessage(shape, raw);
      assert.deepEqual(decoded, fields);
      assert.deepEqual(decodeMessage(shape, encodeMessage(shape, decoded)), decoded);
    });
  }
