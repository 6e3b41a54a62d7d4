# Every thing a user does. `make help` lists it; an option is a variable: make bench SECONDS=5 LAYERS="uvicorn starlette"

LAYERS      ?=# only these layers (bench)
LADDER      ?=# a ladder of layers.toml (bench)            [default]
SECONDS     ?=# a window's length, seconds (bench)         [2]
ROUNDS      ?=# windows of each layer (bench)              [5]
CONNECTIONS ?=# wrk's connections (bench)                  [64]
THREADS     ?=# wrk's threads (bench)                      [1]
PORT        ?=# where to listen (bench, serve)             [a free one; 8000]
FORMAT      ?=# text, markdown, csv or json (bench, table) [text]
RECORD      ?=# a record (table)                           [the newest one]
RESULTS     ?=# the folder for records (bench)             [results]
PYTHON      ?=# the Python to serve and measure with       [python3]

bench = .venv/bin/python -m bench
option = $(if $(strip $($1)),--$2 '$(strip $($1))')
load = $(call option,SECONDS,seconds) $(call option,CONNECTIONS,connections) $(call option,THREADS,threads)
out = $(call option,RESULTS,results) $(call option,FORMAT,format)
ladder = $(call option,LADDER,ladder) $(call option,ROUNDS,rounds) $(call option,PORT,port)

.SILENT:
.PHONY: help venv setup bench serve table test schema readme lock

help: ## list all of this
	echo "make ..."
	sed -n 's/^\([a-z%-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16
	echo "with ..."
	sed -n 's/^\([A-Z]*\) *?=# \(.*\)/  \1=\t\2/p' $(MAKEFILE_LIST) | expand -t 16

bench: setup ## measure the ladder, print its decay table, write a record
	$(bench) bench $(call option,LAYERS,layers) $(ladder) $(load) $(out)

bench-%: setup ## measure one layer
	$(bench) bench --layers $* $(ladder) $(load) $(out)

serve-%: venv ## serve one layer in the foreground
	$(bench) serve $* $(call option,PORT,port)

table: venv ## print the decay table of a record
	$(bench) table $(call option,RECORD,record) $(call option,FORMAT,format)

test: setup ## check everything: style, types, and real servers under real wrk
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/python -m pytest

schema: venv ## write the JSON Schema of a record anew
	$(bench) schema > docs/record.schema.json

readme: venv ## write the tables of README.md anew
	$(bench) readme

lock: ## pin requirements.lock anew, with hashes
	$(or $(strip $(PYTHON)),python3) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet pip-tools
	.venv-lock/bin/pip-compile --quiet --generate-hashes --strip-extras --extra test --no-header --no-emit-index-url \
	    --no-emit-trusted-host --no-emit-find-links --output-file requirements.lock pyproject.toml

setup: venv ## make .venv and find or install wrk, as all of these do by themselves
	sh scripts/tools.sh wrk

venv:
	sh scripts/setup.sh '$(strip $(PYTHON))'
