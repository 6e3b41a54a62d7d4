#!/bin/sh
# Checks everything: the tests, with pytest's arguments, and beside them style and types: test.sh [-m faults]. With ONLY in
# the environment it runs these tests and nothing else.
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
exec "$python" scripts/halves.py "$@"
