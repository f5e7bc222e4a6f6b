import assert from "node:assert/strict";
import { test } from "node:test";
import { helpText, unknownCommand } from "./help.ts";
import { versionText } from "./version.ts";

const commands = [
  { name: "server", usage: "[flags]", help: "Runs a control plane" },
  { name: "version", usage: "", help: "Tells the version" },
];

test("the help lists every command in one column", () => {
  assert.match(
    helpText(commands),
    /\n {2}server \[flags\] {2}Runs a control plane\n {2}version {9}Tells the version\n/,
  );
});

test("an unknown command is told those there are", () => {
  assert.equal(
    unknownCommand("serve", commands),
    'expected a command (server, version), found "serve"; "kedge help" tells what each does',
  );
});

test("the version is one line for each part", () => {
  const facts = { gitVersion: "v1.36.0+kedge.1", nodeVersion: "v26.10.0" };
  assert.equal(versionText(facts), "kedge version v1.36.0+kedge.1\nnode version v26.10.0\n");
});
