#!/bin/sh
# Finds a Python, the one named or the first that will do, and has it make .venv: setup.sh [PYTHON]. Does nothing, at once
# and without a network, where that is done. With `pip-tools` as second word it makes .venvs/pip-tools, for scripts/lock.sh.
set -eu
cd "$(dirname "$0")/.."
# What would make a Python find other modules than its own.
unset PYTHONPATH PYTHONHOME PYTHONSAFEPATH PYTHONSTARTUP PYTHONUSERBASE PYTHONPLATLIBDIR PYTHONEXECUTABLE PYTHONINSPECT

fail() {
    echo "error: $*" >&2
    exit 1
}

# Sets `python` to the path and version of a Python, or leaves it empty where that is none, is too old, or does not run.
ask() {
    python=$("$1" -I -S -c 'import os, sys
if sys.version_info >= (3, 12): print("python", os.path.realpath(sys.executable), " ".join(sys.version.split()))' \
        2>/dev/null </dev/null) || python=
    case $python in
    "python /"*) python=${python#python } ;;
    *) python= ;;
    esac
}

# Sets `python` likewise, from the name of a Python or from those that a system may have; ends with the reason otherwise.
find_python() {
    if [ -n "$1" ]; then
        command -v "$1" >/dev/null || fail "no Python at '$1': expected a path or a command, such as PYTHON=python3.13"
        ask "$1"
        [ -z "$python" ] || return 0
        version=$("$1" --version 2>&1 </dev/null) || :
        case $version in
        "Python 3."1[2-9]* | "Python 3."[2-9][0-9]*) fail "$1 is $version, but does not run: $("$1" -I -S -c '' 2>&1 | tail -n 1)" ;;
        "Python "*) fail "$1 is $version: Python 3.12 or newer is needed, try PYTHON=python3.13" ;;
        *)
            version=$(echo "$version" | head -n 1)
            fail "$1 is no Python${version:+ (it says: $version)}: expected a path or a command, such as PYTHON=python3.13"
            ;;
        esac
    fi
    for name in python3 python3.14 python3.13 python3.12; do
        ask "$name"
        [ -z "$python" ] || return 0
    done
    fail "no Python 3.12 or newer here (python3 is $(python3 --version 2>&1 || echo missing)):" \
        "install one, then name it, such as PYTHON=/path/to/python3.13"
}

find_python "${1:-}"
stamp="$python $(cksum <requirements.lock)"
what=${2:-main}
if [ "$what" = main ] && [ -x .venv/bin/python ] && [ "$(cat .venv/stamp 2>/dev/null)" = "$stamp" ]; then
    exit 0
fi
exec "${python%% [0-9]*}" -I scripts/setup.py "$what" "$stamp"
