#!/bin/sh
# Pins requirements.lock and groups/*.lock anew from pyproject.toml, with hashes and without the address of any index:
# lock.sh [PYTHON]. Versions that still fit stay; delete a lock's line, or the lock, for newer ones.
exec sh "$(dirname "$0")/setup.sh" "${1:-}" lock
