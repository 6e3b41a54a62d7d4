#!/bin/sh
# Finds programs, or installs them with the system's package manager if it is allowed to.
#
#   tools.sh            all of tools.txt, except those that the system does not have
#   tools.sh NAME ...   these; fails if one of them is not available
#   tools.sh --try ...  as many of these as are available; never fails
set -eu

table=${0%/*}/tools.txt
try='' all=''
case ${1:-} in
--try) try=1 && shift ;;
"")
    all=1
    while read -r tool _; do
        case $tool in "#"*) ;; *) set -- "$@" "${tool%%|*}" ;; esac
    done <"$table"
    ;;
esac

note() {
    echo "note: $*: what needs that is left out" >&2
}

fail() {
    [ -z "$try" ] || { note "$@" && exit 0; }
    echo "error: $*" >&2
    exit 1
}

# Sets `names` to the names that a program may have, `package` to the package that has it, or - for none.
look_up() {
    names=$1 package=$1
    while read -r tool apt dnf pacman brew; do
        case $tool in "$1" | "$1|"*) ;; *) continue ;; esac
        names=$tool
        case $manager in
        apt-get) package=$apt ;;
        dnf) package=$dnf ;;
        pacman) package=$pacman ;;
        brew) package=$brew ;;
        esac
    done <"$table"
}

found() {
    (IFS="|" && for name in $names; do command -v "$name" >/dev/null && exit; done && exit 1)
}

for manager in apt-get dnf pacman brew none; do
    command -v "$manager" >/dev/null && break
done

missing='' packages='' lacking=''
for program; do
    look_up "$program"
    if found; then
        continue
    elif [ "$package" = - ]; then
        lacking="$lacking $program"
    else
        missing="$missing $program" packages="$packages $package"
    fi
done
if [ -n "$lacking" ]; then
    [ -n "$all$try" ] || fail "no$lacking here: $manager has no package of it"
    note "no$lacking here, $manager has no package of it"
fi
[ -n "$missing" ] || exit 0

case $manager in
apt-get) first="apt-get update -q; " install="apt-get install -y -q" wait="-o DPkg::Lock::Timeout=120" ;;
dnf) first='' install="dnf install -y" wait='' ;;
pacman) first='' install="pacman -S --noconfirm --needed" wait='' ;;
brew) first='' install="brew install" wait='' ;;
none) fail "$missing not found, nor apt-get, dnf, pacman or brew to install it: install it by hand" ;;
esac

as=
if [ "$manager" != brew ] && [ "$(id -u)" != 0 ]; then
    as=sudo
    sudo -n true 2>/dev/null ||
        fail "$missing not found. Type this, then try again:  sudo sh -c '$first$install$packages'"
fi

run() {
    echo "set-up: $*" >&2
    $as env DEBIAN_FRONTEND=noninteractive "$@" >&2 </dev/null
}

if [ -n "$first" ]; then # a package that apt does not know, such as chromium on Ubuntu, must not stop the rest
    run apt-get update -q || true
    known=
    for package in $packages; do
        ! apt-cache show "$package" >/dev/null 2>&1 || known="$known $package"
    done
    packages=$known
fi
# shellcheck disable=SC2086 # words
[ -z "$packages" ] || run $install$packages $wait || fail "could not install$packages. What failed:  ${as:+sudo }$install$packages"

for program in $missing; do
    look_up "$program"
    found && continue
    [ -n "$all$try" ] || fail "$program is not available from $manager, or was installed but is not on the PATH"
    note "$program is not available from $manager, or was installed but is not on the PATH"
done
