#!/bin/sh
# Checks everything, style and types included, with pytest's arguments: test.sh [-m faults]. With ONLY in the environment
# it runs the tests that ONLY names, one after another.
set -eu
cd "$(dirname "$0")/.."
python="$(cd ./.venv && pwd -P)/bin/python" # by its own path, since .venv is a link that may point elsewhere by then
sh scripts/tools.sh wrk curl
sh scripts/tools.sh --try ab h2load valgrind strace
"$python" -I asgi_anatomy/packages/uv.py group test
python=${python%/bin/python}-test/bin/python
if [ -n "${ONLY:-}" ]; then
    # shellcheck disable=SC2086 # words
    exec "$python" -m pytest "$@" $ONLY
fi
# Three on two cores, since most tests wait for something half of the time; more would only be in each other's way.
exec "$python" -m pytest --numprocesses 3 --no-loadscope-reorder "$@"
