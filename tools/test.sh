#!/bin/sh
# All tests: the gate, then the tests that need Linux and root. Does its own set-up.
set -eu
cd "$(dirname -- "$0")/.."
sh tools/ok.sh
host=$(find src test -name '*.host.test.ts' | sort)
if [ -n "$host" ]; then
  # shellcheck disable=SC2086
  sh tools/node.sh --test --test-concurrency=1 $host
fi
