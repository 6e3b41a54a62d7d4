#!/bin/sh
# Makes .venv from requirements.lock. Does nothing where that is done already, and then needs no network.
set -eu
cd "$(dirname "$0")/.."

fail() {
    echo "error: $*" >&2
    exit 1
}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null
}

if [ -n "${1:-}" ]; then
    command -v "$1" >/dev/null || fail "no Python at '$1': expected a path or a command, such as PYTHON=python3.13"
    new_enough "$1" || fail "$1 is $("$1" --version 2>&1): Python 3.12 or newer is needed, try PYTHON=python3.13"
    python=$1
else
    for python in python3 python3.14 python3.13 python3.12 none; do
        new_enough "$python" && break
    done
    [ "$python" != none ] || fail "no Python 3.12 or newer here (python3 is $(python3 --version 2>&1 || echo missing)):" \
        "install one, then name it, such as PYTHON=/path/to/python3.13"
fi

stamp="$("$python" -c 'import os, sys; print(os.path.realpath(sys.executable), sys.version)') $(cksum <requirements.lock)"
if [ -x .venv/bin/python ] && [ "$(cat .venv/stamp 2>/dev/null)" = "$stamp" ]; then
    exit 0
fi

echo "set-up: .venv with $("$python" --version) and the packages of requirements.lock" >&2
"$python" -m venv --clear .venv >&2 || fail "cannot make .venv: on Debian and Ubuntu, try: apt-get install python3-venv"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock >&2 ||
    fail "cannot install requirements.lock: is the package index reachable?"
printf '%s\n' "$stamp" >.venv/stamp
