#!/bin/sh
# Makes .venv-NAME from groups/NAME.lock: what some layers need beyond .venv, which it sees and leaves as it is, so that
# no other layer's figures change. Does nothing where that is done.
set -eu
cd "$(dirname "$0")/.."
lock=groups/$1.lock venv=.venv-$1

stamp="$(cat .venv/stamp) $(cksum <"$lock")"
[ "$(cat "$venv/stamp" 2>/dev/null)" != "$stamp" ] || exit 0

.venv/bin/python -m venv --clear "$venv"
site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' >"$site/zz-venv.pth"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock" ||
    { echo "cannot install $lock: is the package index reachable?"; exit 1; }
printf '%s\n' "$stamp" >"$venv/stamp"
