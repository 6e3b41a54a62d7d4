#!/bin/sh
# What runs beside the tests, since those mostly wait: installs and builds what they will need, and checks style and
# types: beside.sh PYTHON
set -eu
cd "$(dirname "$0")/.."
"$1" - >/dev/null <<'END' # what cannot be made ready here is a failure of the test that needs it
from bench.data.catalogue import read_catalogue
from bench.host.environments import build

build(read_catalogue().layers.values(), print)
END
"$1" -m ruff check .
"$1" -m ruff format --check .
"$1" -m mypy
