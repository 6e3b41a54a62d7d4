#!/bin/sh
# Removes what is made again on demand: environments, compiled servers and caches. Results stay.
set -eu
cd "$(dirname "$0")/.."
rm -rf .venv .venv-* .venvs .mypy_cache .ruff_cache .pytest_cache .hypothesis servers/axum/target ./*.egg-info
find . -name __pycache__ -type d -prune -exec rm -rf {} +
