#!/bin/sh
# Removes what is made again on demand: environments, compiled servers and caches. Results stay. Refuses while a command
# runs in one of the environments, and none begins meanwhile: uv.py has the other side of the lock.
set -eu
cd "$(dirname "$0")/.."
lock='import fcntl, os, sys
handle = os.open(".venvs", os.O_RDONLY)
try:
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.exit("error: a command is running in .venvs: wait for its end, or end it, then type `make clean` again")
except OSError:
    pass  # a file system without locks
os.set_inheritable(handle, True)
os.execvp("sh", ["sh", "scripts/clean.sh", "locked"])'
if [ -z "${1:-}" ]; then
    for python in .venvs/*/bin/python; do
        ! "$python" -I -S -c '' 2>/dev/null || exec "$python" -I -S -c "$lock"
    done
fi
rm -rf .venv .venv-* .venvs .mypy_cache .ruff_cache .pytest_cache .hypothesis servers/axum/target ./*.egg-info
find . -name __pycache__ -type d -prune -exec rm -rf {} +
