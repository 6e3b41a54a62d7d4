# Every thing a user does. `make help` lists it; an option is a variable: make bench BUDGET=60 LAYERS="uvicorn starlette"

LAYERS      =# only these layers (bench)
LAYER       =# a layer (check-layer)
LADDER      =# a ladder of layers.toml (bench)                     [default]
WORKERS     =# each layer also with so many processes: 2, or "2 4" (bench)
BUDGET      =# seconds; the first round is always finished (bench ...) [90]
PRECISION   =# margin in points at which a decay is done (bench)   [1]
A           =# a layer (pair, diff), a record (compare)
B           =# the layer or the record to be compared with it
THRESHOLD   =# percent: what is less is the same (pair, compare)   [1]
APP         =# your ASGI app: package.module:app, or folder/module:app (bench, pair, anatomy)
SERVE       =# your server, in any language: a command with {port}
ENV         =# the Python or the virtual environment that runs it
ON          =# the layer that it stands on                         [uvicorn for APP]
REQUEST     =# a TOML file: the request that it gets, and its answer [the User request]
NAME        =# what its row is called
FORCE       =# 1 compares what should not be compared (compare)
SECONDS     =# a window's length in seconds (bench, pair, sensitivity) [2]
CONNECTIONS =# wrk's connections (bench, pair, sensitivity)              [64]
THREADS     =# wrk's threads (bench, pair, sensitivity)                  [1]
PORT        =# where to listen (bench, pair, sensitivity; serve)         [a free one; 8000]
WIDE        =# 1: every column of a table, and every line below it
FORMAT      =# text, markdown, csv or json                         [text]
RECORD      =# a record (table, diff; anatomy and sensitivity print it again; machines takes several) [the newest one]
SPLIT       =# 1: rows of counts by component, for csv and json (anatomy)
RESULTS     =# the folder for records (bench, pair, sensitivity)   [results]
SIZES       =# percent to inject (sensitivity)                      [0 1 2 5 10]
RUNS        =# how often each (sensitivity)                        [20]
ONLY        =# tests to run alone: tests/test_decay.py (test)
PYTHON      =# the Python to serve and measure with                [python3]

# What would make a Python find other modules than its own.
unexport PYTHONPATH PYTHONHOME PYTHONSAFEPATH PYTHONSTARTUP PYTHONUSERBASE PYTHONPLATLIBDIR PYTHONEXECUTABLE PYTHONINSPECT

# By the path of the environment itself, since .venv is a link that a later set-up may lead to another one.
bench = "$$(cd ./.venv && pwd -P)/bin/python" -m bench
option = $(if $(strip $($1)),--$2 '$(subst ','\'',$(strip $($1)))')
python = '$(subst ','\'',$(strip $(PYTHON)))'
load = $(call option,SECONDS,seconds) $(call option,CONNECTIONS,connections) $(call option,THREADS,threads)
format = $(call option,FORMAT,format) $(if $(strip $(WIDE)),--wide)
run = $(call option,BUDGET,budget) $(call option,PORT,port) $(call option,RESULTS,results) $(load) $(format)
ladder = $(call option,LADDER,ladder) $(call option,PRECISION,precision)
anatomy = $(call option,RECORD,record) $(if $(strip $(SPLIT)),--split) $(call option,RESULTS,results) $(format)
bring = $(call option,APP,app) $(call option,SERVE,serve) $(call option,ENV,env) $(call option,ON,on) \
    $(call option,REQUEST,request) $(call option,NAME,name)
two = $(call option,A,a) $(call option,B,b) $(call option,THRESHOLD,threshold)

.SILENT:
.PHONY: help venv setup tools counters bench pair compare machines sensitivity power anatomy diff ladders table walk check-layer test \
    test-all test-faults schema readme lock clean

help: ## list all of this
	sh scripts/help.sh $(MAKEFILE_LIST)

bench: setup ## measure the ladder, print its decay table, write a record
	$(bench) bench $(call option,LAYERS,layers) $(call option,WORKERS,workers) $(bring) $(ladder) $(run)

bench-%: setup ## measure one layer
	$(bench) bench --layers $* $(call option,WORKERS,workers) $(bring) $(ladder) $(run)

pair: setup ## is layer B slower than layer A? make pair A=uvicorn B=starlette
	$(bench) pair $(two) $(bring) $(run)

compare: venv ## did a layer change between two records? make compare A=results/old.json B=results/new.json
	$(bench) compare $(two) $(if $(strip $(FORCE)),--force) $(format)

machines: venv ## how layers cost on several machines: make machines RECORD="files or folders"
	$(bench) machines $(call option,RECORD,record) $(format)

sensitivity: setup ## inject slow-downs of known size and see how often pair finds them (hours)
	$(bench) sensitivity $(call option,SIZES,sizes) $(call option,RUNS,runs) $(call option,THRESHOLD,threshold) $(run) $(call option,RECORD,record)

power: sensitivity # the old name, for one release

anatomy: venv counters ## count exactly where one request's work goes, in each layer of the ladder
	$(bench) anatomy $(call option,LAYERS,layers) $(call option,LADDER,ladder) $(call option,WORKERS,workers) $(bring) $(anatomy)

anatomy-%: venv counters ## ... in one layer
	$(bench) anatomy --layers $* $(bring) $(anatomy)

diff: venv ## which Python functions does layer B call that A does not? make diff A=starlette B=fastapi
	$(bench) diff $(call option,A,a) $(call option,B,b) $(call option,RECORD,record) $(format)

serve-%: venv ## serve one layer in the foreground
	$(bench) serve $* $(call option,PORT,port)

ladders: venv ## list the ladders and their layers
	$(bench) ladders

table: venv ## print the decay table of a record
	$(bench) table $(call option,RECORD,record) $(format)

test: venv ## check everything: style, types, and real servers under real wrk
	ONLY='$(subst ','\'',$(strip $(ONLY)))' sh scripts/test.sh

test-all: venv ## ... and what takes longer: every layer under every client, 200 random signals
	sh scripts/test.sh -m ''

test-faults: venv ## only what goes wrong: faults of every kind, and 200 signals at random moments (half an hour)
	sh scripts/test.sh -m faults

schema: venv ## write the JSON Schema of a record anew
	$(bench) schema > docs/record.schema.json

walk: setup counters ## measure and count every ladder anew, or LADDER, and write README.md and docs/ from that (an hour)
	$(bench) walk $(call option,LADDER,ladder) $(call option,BUDGET,budget)

check-layer: venv ## is a layer complete? make check-layer LAYER=mine
	$(bench) check-layer '$(strip $(LAYER))'

readme: venv ## write the tables of README.md and docs/ anew from results/reference
	$(bench) readme

lock: ## pin requirements.lock and groups/*.lock anew, with hashes
	sh scripts/lock.sh $(python)

tools: ## find or install all programs that tests and commands use, as far as the system has them
	sh scripts/tools.sh

setup: venv ## make .venv and find or install wrk, as all of these do by themselves
	sh scripts/tools.sh wrk

# What only adds to a table: anatomy says what it had to leave out.
counters:
	sh scripts/tools.sh --try valgrind strace

venv:
	sh scripts/setup.sh $(python)

clean: ## remove all environments and caches, and no results
	sh scripts/clean.sh
