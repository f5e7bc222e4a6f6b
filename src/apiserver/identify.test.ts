/** Who may be seen as somebody else, and as whom. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { StatusError } from "#machinery/status.ts";
import { TestExchange } from "#testing/exchange.ts";
import type { Attributes, Authorizer, User } from "./access.ts";
import { impersonate } from "./identify.ts";

const sender = { name: "proxy", groups: [] };

function seenAs(headers: Readonly<Record<string, string>>, allows: (asked: string) => boolean = () => true): User {
  const authorizer: Authorizer = {
    authorize: (attributes: Attributes) => {
      assert.equal(attributes.kind, "resource");
      const { verb, group, resource, subresource, namespace, name } = attributes as Attributes & { kind: "resource" };
      const asked = [verb, group, resource, subresource, namespace, name].filter((part) => part !== "").join(" ");
      return allows(asked) ? { kind: "allowed", reason: "" } : { kind: "unsure", reason: "" };
    },
  };
  return impersonate(new TestExchange({ method: "GET", target: "/", headers }), sender, authorizer);
}

test("who asks for nothing stays who they are", () => {
  assert.equal(seenAs({}), sender);
});

test("a user, groups, a uid and extras are each asked for, keys of extras without escapes", () => {
  const asked: string[] = [];
  const headers = {
    "impersonate-user": "jane",
    "impersonate-group": "a,b",
    "impersonate-uid": "7",
    "impersonate-extra-example.com%2fscope": "x",
    "impersonate-extra-__proto__": "y",
  };
  const user = seenAs(headers, (one) => asked.push(one) > 0);
  assert.deepEqual(asked, [
    "impersonate users jane",
    "impersonate groups a",
    "impersonate groups b",
    "impersonate authentication.k8s.io uids 7",
    "impersonate authentication.k8s.io userextras example.com/scope x",
    "impersonate authentication.k8s.io userextras __proto__ y",
  ]);
  assert.deepEqual([user.name, user.groups, user.uid], ["jane", ["a", "b", "system:authenticated"], "7"]);
  assert.deepEqual(Object.keys(user.extra ?? {}), ["example.com/scope", "__proto__"]);
});

for (const refused of ["users jane", "groups a", "uids 7", "userextras k x"])
  test(`without the right to impersonate ${refused} nobody is impersonated`, () => {
    const headers = {
      "impersonate-user": "jane",
      "impersonate-group": "a",
      "impersonate-uid": "7",
      "impersonate-extra-k": "x",
    };
    assert.throws(() => seenAs(headers, (asked) => !asked.endsWith(refused)), /cannot impersonate resource/);
  });

test("a service account has its own groups, and the unauthenticated are not authenticated", () => {
  const account = seenAs({ "impersonate-user": "system:serviceaccount:t1:a" });
  assert.deepEqual(account.groups, ["system:serviceaccounts", "system:serviceaccounts:t1", "system:authenticated"]);
  const nobody = seenAs({ "impersonate-user": "jane", "impersonate-group": "system:unauthenticated" });
  assert.deepEqual(nobody.groups, ["system:unauthenticated"]);
});

for (const [what, headers] of [
  ["groups without a user", { "impersonate-group": "a" }],
  ["a uid without a user", { "impersonate-uid": "a" }],
  ["extras without a user", { "impersonate-extra-a": "b" }],
  ["a key with a broken escape", { "impersonate-user": "jane", "impersonate-extra-%zz": "b" }],
] as const)
  test(`${what} are a bad request`, () => {
    assert.throws(
      () => seenAs(headers),
      (error) => error instanceof StatusError && error.code === 400,
    );
  });
