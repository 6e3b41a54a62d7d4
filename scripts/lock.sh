#!/bin/sh
# Pins requirements.lock and groups/*.lock anew from pyproject.toml, with hashes and without the address of any index:
# lock.sh [PYTHON]. Versions that still fit stay; delete a lock's line, or the lock, for newer ones.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh "${1:-}" pip-tools

compile() {
    lock=$1
    shift
    .venvs/pip-tools/bin/pip-compile --quiet --generate-hashes --strip-extras --no-header --no-emit-index-url \
        --no-emit-trusted-host --no-emit-find-links "$@" --output-file "$lock" pyproject.toml
}

compile requirements.lock
for lock in groups/*.lock; do
    name=${lock##*/}
    cp "$lock" "$lock.old"
    cat requirements.lock "$lock.old" >"$lock" # so that both pin the same versions of what both have
    rm "$lock.old"
    compile "$lock" --extra "${name%.lock}"
done
