#!/bin/sh
# Finds a Python, the one named or the first that will do, and has it make .venv: setup.sh [PYTHON]. Does nothing, at once
# and without a network, where that is done. With `lock` as second word it writes the locks anew.
set -eu
cd "$(dirname "$0")/.."
# What would make a Python find other modules than its own.
unset PYTHONPATH PYTHONHOME PYTHONSAFEPATH PYTHONSTARTUP PYTHONUSERBASE PYTHONPLATLIBDIR PYTHONEXECUTABLE PYTHONINSPECT

fail() {
    echo "error: $*" >&2
    exit 1
}

# Sets `found` to the version and path of a Python, and its build; to nothing where that is none, too old, or does not run.
ask() {
    found=$("$1" -I -S -c 'import os, sys
if sys.version_info >= (3, 12): print("%d.%d.%d" % sys.version_info[:3], os.path.realpath(sys.executable), " ".join(sys.version.split()), sep="|")' \
        2>/dev/null </dev/null) || found=
    case $found in
    3.*\|/*\|*) ;;
    *) return 1 ;;
    esac
}

if [ -n "${1:-}" ]; then
    command -v "$1" >/dev/null || fail "no Python at '$1': expected a path or a command, such as PYTHON=python3.13"
    if ! ask "$1"; then
        version=$("$1" --version 2>&1 </dev/null | head -n 1) || :
        case $version in
        "Python 3."1[2-9]* | "Python 3."[2-9][0-9]*) fail "$1 is $version, but does not run: $("$1" -I -S -c '' 2>&1 | tail -n 1)" ;;
        "Python "*) fail "$1 is $version: Python 3.12 or newer is needed, try PYTHON=python3.13" ;;
        esac
        fail "$1 is no Python${version:+ (it says: $version)}: expected a path or a command, such as PYTHON=python3.13"
    fi
else
    ask python3 || ask python3.14 || ask python3.13 || ask python3.12 ||
        fail "no Python 3.12 or newer here (python3 is $(python3 --version 2>&1 || echo missing)):" \
            "install one, then name it, such as PYTHON=/path/to/python3.13"
fi

path=${found#*|}
if [ "${2:-}" = lock ]; then exec "${path%%|*}" -I asgi_anatomy/packages/uv.py lock; fi
name=${found%%|*}-$({ echo "$found" && cat requirements.lock; } | cksum | { read -r sum _ && printf %08x "$sum"; })
if [ "$(readlink .venv)" = ".venvs/$name" ] && [ -x .venv/bin/python ]; then exit 0; fi
exec "${path%%|*}" -I asgi_anatomy/packages/uv.py main "$name"
