/** Bodies that strangers send, in each encoding: what is told, what is refused, and in which time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { TestApiServer } from "#testing/api-server.ts";

const maps = "/api/v1/namespaces/default/configmaps";
const json = { "content-type": "application/json" };
const yaml = { "content-type": "application/yaml" };
const merge = { "content-type": "application/merge-patch+json" };

test("a key that stands twice is refused when asked to be, in YAML as in JSON", async () => {
  const server = new TestApiServer();
  const body = "metadata: {name: a}\ndata:\n  k: a\n  k: b\n";
  const strict = await server.ask(`POST ${maps}?fieldValidation=Strict`, { body, headers: yaml });
  assert.equal(strict.code, 400);
  assert.match(
    strict.text,
    /strict decoding error: yaml: unmarshal errors:\\n {2}line 4: key \\"k\\" already set in map/,
  );
  // The sentence has a line break in it, which no header takes.
  assert.equal((await server.ask(`POST ${maps}`, { body, headers: yaml })).code, 201);
  const twice = '{"metadata":{"name":"b"},"data":{"k":"a","k":"b"}}';
  const inJson = await server.ask(`POST ${maps}?fieldValidation=Strict`, { body: twice, headers: json });
  assert.match(String(inJson.at("message")), /strict decoding error: duplicate field "data.k"/);
});

test("keys that every object inherits are data like any other", async () => {
  const server = new TestApiServer();
  const body =
    '{"metadata":{"name":"a"},"data":{"constructor":"1","toString":"2","__proto__":"3","hasOwnProperty":"4"}}';
  const made = await server.ask(`POST ${maps}`, { body, headers: json });
  assert.equal(made.code, 201, made.text);
  const data = '"data":{"constructor":"1","toString":"2","__proto__":"3","hasOwnProperty":"4"}';
  assert.ok((await server.ask(`GET ${maps}/a`)).text.includes(data));
  const patch = '{"data":{"__proto__":"5","valueOf":"6","constructor":null}}';
  const patched = await server.ask(`PATCH ${maps}/a`, { body: patch, headers: merge });
  assert.ok(patched.text.includes('"__proto__":"5"') && patched.text.includes('"valueOf":"6"'), patched.text);
  assert.ok(!patched.text.includes('"constructor":"1"'));
  const secret = '{"metadata":{"name":"a"},"stringData":{"__proto__":"x","constructor":"y"}}';
  const kept = await server.ask("POST /api/v1/namespaces/default/secrets", { body: secret, headers: json });
  assert.ok(kept.text.includes('"__proto__":"eA=="') && kept.text.includes('"constructor":"eQ=="'), kept.text);
});

test("a patch cannot make an object another kind", async () => {
  const server = new TestApiServer();
  await server.ask(`POST ${maps}`, { body: { metadata: { name: "a" } } });
  for (const body of [{ kind: "Secret" }, { apiVersion: "v2" }])
    assert.equal((await server.ask(`PATCH ${maps}/a`, { body, headers: merge })).code, 422);
  assert.equal((await server.ask(`PATCH ${maps}/a`, { body: { kind: "ConfigMap" }, headers: merge })).code, 200);
});

test("a body that is no JSON is refused in upstream's words", async () => {
  const server = new TestApiServer();
  const answer = await server.ask(`POST ${maps}`, { body: '{"metadata":}', headers: json });
  assert.match(
    String(answer.at("message")),
    /json parse error: invalid character '\}' looking for beginning of value$/,
  );
  const deep = await server.ask(`POST ${maps}`, { body: "[".repeat(5_000), headers: json });
  assert.deepEqual([deep.code, /exceeded max depth/.test(deep.text)], [400, true]);
});
