import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { machineRandom } from "#base/random.ts";
import { caHashOf, ensureTokens, formatToken, parseToken, TokenVerifier } from "./tokens.ts";

const data = mkdtempSync(join(tmpdir(), "kedge-tokens-"));
after(() => rmSync(data, { recursive: true }));

const caPem = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
const caHash = caHashOf(caPem);
const options = { folder: join(data, "server"), caPem, random: machineRandom, given: undefined };

test("every form of a token is told apart", () => {
  const bootstrap = { kind: "bootstrap", id: "abcdef", secret: "0123456789abcdef" };
  assert.deepEqual(parseToken("secret"), { kind: "password", caHash: undefined, user: "server", password: "secret" });
  assert.deepEqual(parseToken(`K10${caHash}::node:pass:word\n`), {
    kind: "password",
    caHash,
    user: "node",
    password: "pass:word",
  });
  assert.deepEqual(parseToken("abcdef.0123456789abcdef"), { ...bootstrap, caHash: undefined });
  assert.deepEqual(parseToken(`K10${caHash}::abcdef.0123456789abcdef`), { ...bootstrap, caHash });
  assert.deepEqual(parseToken(formatToken(caPem, "server", "x")), {
    kind: "password",
    caHash,
    user: "server",
    password: "x",
  });
  for (const broken of ["", "K10abc::server:x", `K10${caHash}::root:x`, `K10${caHash}::server:`, "two words", "a:b"]) {
    assert.throws(() => parseToken(broken), /^Error: expected .*, found another form$/, broken);
  }
});

test("a password is made once, kept, and must not change", () => {
  const password = ensureTokens(options);
  assert.match(password, /^[0-9a-f]{32}$/);
  assert.equal(ensureTokens(options), password);
  assert.equal(ensureTokens({ ...options, given: password }), password);
  assert.equal(ensureTokens({ ...options, given: formatToken(caPem, "server", password) }), password);
  const file = (name: string): string => readFileSync(join(options.folder, name), "utf8");
  assert.deepEqual(
    [file("token"), file("node-token"), file("agent-token")],
    ["server", "server", "node"].map((user) => `K10${caHash}::${user}:${password}\n`),
  );
  assert.equal(statSync(join(options.folder, "token")).mode & 0o777, 0o600);
  assert.throws(() => ensureTokens({ ...options, given: "other" }), /token holds, found another one/);
  assert.throws(() => ensureTokens({ ...options, given: `K10${"0".repeat(64)}::server:x` }), /hash of another CA/);
  assert.throws(() => ensureTokens({ ...options, given: "abcdef.0123456789abcdef" }), /only nodes can join/);
});

test("a given password is taken on the first start", () => {
  assert.equal(ensureTokens({ ...options, folder: join(data, "other"), given: "mine" }), "mine");
});

test("only the right password is verified", () => {
  const verifier = new TokenVerifier("right");
  assert.deepEqual([verifier.verify("right"), verifier.verify("wrong"), verifier.verify("")], [true, false, false]);
});
