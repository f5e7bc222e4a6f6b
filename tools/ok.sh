#!/bin/sh
# The gate: layers and limits, types, lint, format, then every test that needs nothing of the machine.
set -eu
cd "$(dirname -- "$0")/.."
if [ "${1:-}" = "--update" ]; then
  export UPDATE_GOLDEN=1
fi
sh tools/fetch.sh --dev
node_modules/.bin/oxfmt --check src test tools
# By its own path: the checker that tools/tidy uses brings a tsc of another version.
node_modules/typescript/bin/tsc -p tsconfig.json
node_modules/.bin/oxlint --type-aware --deny-warnings src test tools
sh tools/node.sh --test --test-reporter=dot 'tools/**/*.test.ts'
find src -name '*.test.ts' ! -name '*.host.test.ts' ! -name '*.etcd.test.ts' | sort | xargs sh tools/node.sh --test --test-reporter=spec
