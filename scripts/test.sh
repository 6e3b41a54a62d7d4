#!/bin/sh
# Checks everything: style, types, then the tests, with what pytest is to be told: test.sh [-m faults].
set -eu
cd "$(dirname "$0")/.."
python="$(cd ./.venv && pwd -P)/bin/python" # by its own path, since .venv is a link that may be led elsewhere meanwhile
sh scripts/tools.sh wrk curl
sh scripts/tools.sh --try ab h2load valgrind strace
"$python" -m ruff check .
"$python" -m ruff format --check .
"$python" -m mypy
exec "$python" scripts/halves.py "$@"
