#!/bin/sh
# Help made from the Makefile, with nothing but a shell: help.sh lists the commands, help.sh 1 everything, and
# help.sh '' NAME one command.
set -eu
cd "$(dirname "$0")/.."

# The commands by group, in the order of their first lines; then the variables, under the commands that take them.
list() {
    awk -v all="$1" -v only="$2" '
        function add(group, name, text) {
            first = !(group in groups)
            if (first) order[++count] = group
            groups[group] = groups[group] sprintf("%-9s%-15s%s\n", first ? group : "", name, text)
        }
        /^[a-z%-]+:.* #[#-] / {
            name = group = text = $0
            sub(/:.*/, "", name)
            sub(/%/, "LAYER", name)
            sub(/^.* #[#-] /, "", group)
            sub(/:.*/, "", group)
            sub(/^.* #[#-] [^:]*: /, "", text)
            if (only != "" ? name == only || name == only "-LAYER" : all || / ## /) add(group, name, text)
        }
        /^#= / { heading = "\n" substr($0, 4) "\n" }
        /^[A-Z]+ *=# / && all {
            split($0, part, / *=# /)
            variables = variables heading sprintf("  %-14s%s\n", part[1] "=", substr($0, index($0, "=# ") + 3))
            heading = ""
        }
        END {
            for (place = 1; place <= count; place++) printf "%s", groups[order[place]]
            printf "%s", variables
            exit !count
        }' Makefile
}

if [ -n "${2:-}" ]; then
    if [ -x .venv/bin/python ] && grep -q "^    \"$2\":" asgi_anatomy/cli.py; then
        exec .venv/bin/python -m asgi_anatomy help "$2"
    fi
    list '' "$2" && exit
    echo "error: there is no command '$2': \`make help ALL=1\` lists them all" >&2
    exit 2
fi
echo 'make COMMAND [VARIABLE=value ...], such as: make bench BUDGET=60'
echo
list "$1" ''
echo
echo 'make help-bench   the variables of a command, their defaults, its exit codes'
[ -n "$1" ] || echo 'make help ALL=1   every command, every variable'
