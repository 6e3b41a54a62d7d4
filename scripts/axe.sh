#!/bin/sh
# Fetches axe-core, with which tests check the page's accessibility, as .venvs/axe/axe.min.js, unless it is there.
set -eu
cd "$(dirname "$0")/.."
version=4.14.1
want=29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c
file=.venvs/axe/axe.min.js
digest() {
    { sha256sum "$1" 2>/dev/null || shasum -a 256 "$1"; } | cut -d ' ' -f 1
}
[ ! -f "$file" ] || [ "$(digest "$file")" != "$want" ] || exit 0
command -v npm >/dev/null || {
    echo "error: npm is not installed: \`make tools\` does that" >&2
    exit 1
}
mkdir -p .venvs/axe
pack=$(cd .venvs/axe && npm pack --silent "axe-core@$version") || {
    echo "error: npm cannot fetch axe-core $version: is there a network, or a registry that npm should know of?" >&2
    exit 1
}
tar -xzf ".venvs/axe/$pack" -C .venvs/axe --strip-components=1 package/axe.min.js
rm ".venvs/axe/$pack"
[ "$(digest "$file")" = "$want" ] || {
    rm "$file"
    echo "error: axe-core $version has another hash than scripts/axe.sh says: it was damaged or exchanged on the way" >&2
    exit 1
}
