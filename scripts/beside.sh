#!/bin/sh
# What runs beside the tests, since those mostly wait: installs and builds what they will need, and checks style and
# types: beside.sh PYTHON
set -eu
cd "$(dirname "$0")/.."
"$1" - >/dev/null <<'END' || echo "note: not all could be made ready: the tests that need it say why"
from asgi_anatomy.cli import python_of
from asgi_anatomy.suite.layers import read_catalogue
from asgi_anatomy.packages.environments import build

python_of("report")
build(read_catalogue().layers.values(), print)
python_of("cluster")
END
"$1" -m ruff check .
"$1" -m ruff format --check .
"$1" -m mypy
