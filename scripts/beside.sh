#!/bin/sh
# What runs beside the tests, since those mostly wait: installs and builds what they will need, and checks style and
# types: beside.sh PYTHON
set -eu
cd "$(dirname "$0")/.."
"$1" - >/dev/null <<'END' || echo "note: not all could be made ready: the tests that need it say why"
from bench.commands.groups import python_of
from bench.data.catalogue import read_catalogue
from bench.host.environments import build

python_of("report")
build(read_catalogue().layers.values(), print)
python_of("cluster")
END
"$1" -m ruff check .
"$1" -m ruff format --check .
"$1" -m mypy
