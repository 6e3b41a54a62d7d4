#!/bin/sh
# Lists what a Makefile has: rules with `##` behind them, and variables with `=#`.
set -eu
tab=$(printf '\t')
echo "make ..."
sed -n "s/^\([a-z%-]*\):.*## \(.*\)/  \1$tab\2/p" "$@" | expand -t 16
echo "with ..."
sed -n "s/^\([A-Z]*\) *=# \(.*\)/  \1=$tab\2/p" "$@" | expand -t 16
