#!/bin/sh
# Installs groups/NAME.lock into .venv, for layers that need more than the others. Does nothing where that is done.
set -eu
cd "$(dirname "$0")/.."

for group; do
    lock=groups/$group.lock
    [ -f "$lock" ] || { echo "error: no $lock" >&2; exit 1; }
    stamp=$(cksum <"$lock")
    [ "$(cat ".venv/$group.stamp" 2>/dev/null)" != "$stamp" ] || continue
    echo "set-up: the packages of $lock" >&2
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock" >&2 || {
        echo "error: cannot install $lock: is the package index reachable?" >&2
        exit 1
    }
    printf '%s\n' "$stamp" >".venv/$group.stamp"
done
