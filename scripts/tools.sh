#!/bin/sh
# Finds the programs named, such as wrk, or installs them by the system's package manager, as far as it may.
set -eu

missing=
for tool; do
    command -v "$tool" >/dev/null || missing="$missing $tool"
done
[ -n "$missing" ] || exit 0

if command -v apt-get >/dev/null; then
    command="apt-get update -q && apt-get install -y -q$missing"
elif command -v dnf >/dev/null; then
    command="dnf install -y$missing"
elif command -v pacman >/dev/null; then
    command="pacman -S --noconfirm --needed$missing"
elif command -v brew >/dev/null; then
    command="brew install$missing"
else
    echo "error:$missing not found, nor apt-get, dnf, pacman or brew to install it: install it by hand" >&2
    exit 1
fi

as=
case $command in
brew*) ;;
*)
    if [ "$(id -u)" != 0 ]; then
        as="sudo "
        if ! sudo -n true 2>/dev/null; then
            echo "error:$missing not found. Type this, then try again:  sudo sh -c '$command'" >&2
            exit 1
        fi
    fi
    ;;
esac

echo "set-up: $command" >&2
export DEBIAN_FRONTEND=noninteractive
if ! ${as}sh -c "$command" >&2 </dev/null; then
    echo "error: could not install$missing. What failed:  ${as}sh -c '$command'" >&2
    exit 1
fi
for tool in $missing; do
    if ! command -v "$tool" >/dev/null; then
        echo "error: $tool was installed but is not on the PATH" >&2
        exit 1
    fi
done
