# Everything a user does. `make help` lists it; options are variables: make bench BUDGET=60 LAYERS="uvicorn starlette"

LAYERS      =# only these layers (bench, anatomy)
LAYER       =# a layer (check-layer)
LADDER      =# a ladder of layers.toml (bench, anatomy, walk)      [default; walk: all]
WORKERS     =# process counts to measure each layer with as well: 2, or "2 4" (bench, anatomy)
WORKLOAD    =# what wrk sends: a workload of workloads.toml (bench, pair, anatomy; machines; several: workloads) [user]
MEASURE     =# 1: measure each workload first, for BUDGET seconds (workloads)
BUDGET      =# time limit in seconds; the first round always finishes (bench, pair, sensitivity, walk) [90]
PRECISION   =# stop once decays are known to ± this many points (bench) [1]
A           =# a layer (pair, diff), a record (compare)
B           =# the layer or record to compare with A
THRESHOLD   =# percent: smaller differences count as the same (pair, compare, sensitivity) [1]
APP         =# your ASGI app: package.module:app, or folder/module:app (bench, pair, anatomy)
SERVE       =# your server, in any language: a command with {port}
ENV         =# the Python or virtual environment that runs it
ON          =# the layer it stands on                              [uvicorn for APP]
REQUEST     =# a TOML file with its request and answer             [the User request]
NAME        =# the name of its row
FORCE       =# 1: compare records even if they are not comparable (compare)
SECONDS     =# length of a window in seconds (bench, pair, sensitivity) [2, or the workload's]
CONNECTIONS =# wrk's connections (bench, pair, sensitivity)              [64, or the workload's]
THREADS     =# wrk's threads (bench, pair, sensitivity)                  [1]
PORT        =# where to listen (bench, pair, sensitivity; serve)         [a free one; 8000]
WIDE        =# 1: every column of a table and every line below it
FORMAT      =# text, markdown, csv or json                         [text]
RECORD      =# a record (table, diff; anatomy and sensitivity print it again; machines takes several) [the newest one]
SPLIT       =# 1: one row per component, for csv and json (anatomy)
RESULTS     =# the folder for records (bench, pair, anatomy, sensitivity) [results]
SIZES       =# slow-downs to inject, in percent (sensitivity)       [0 1 2 5 10]
RUNS        =# runs of each size (sensitivity)                     [20]
PACKAGE     =# a package that layers serve with (history)
RELEASES    =# minors, the last release of each, or all (history) [minors]
SINCE       =# the first release; 0.50 means its last patch (history)
UNTIL       =# the last release (history)
DEPS        =# other packages: held as locked, newest, or dated as of a release's day (history) [held; fastapi: newest]
SCHEDULER   =# a Dask scheduler, such as tcp://head:8786 (history, machines, worker) [workers on this machine]
ONLY        =# run only these tests: tests/stats/test_decay.py (test)
PYTHON      =# the Python to serve and measure with                [python3]

# These would make Python import modules other than its own.
unexport PYTHONPATH PYTHONHOME PYTHONSAFEPATH PYTHONSTARTUP PYTHONUSERBASE PYTHONPLATLIBDIR PYTHONEXECUTABLE PYTHONINSPECT

# By the real path of the environment: .venv is a link, and a later set-up may point it elsewhere.
bench = "$$(cd ./.venv && pwd -P)/bin/python" -m bench
option = $(if $(strip $($1)),--$2 '$(subst ','\'',$(strip $($1)))')
flag = $(if $(filter-out 0 no,$(strip $($1))),--$2)
python = '$(subst ','\'',$(strip $(PYTHON)))'
load = $(call option,SECONDS,seconds) $(call option,CONNECTIONS,connections) $(call option,THREADS,threads)
format = $(call option,FORMAT,format) $(call flag,WIDE,wide)
run = $(call option,BUDGET,budget) $(call option,PORT,port) $(call option,RESULTS,results) $(load) $(format)
ladder = $(call option,LADDER,ladder) $(call option,PRECISION,precision)
workload = $(call option,WORKLOAD,workload)
anatomy = $(workload) $(call option,RECORD,record) $(call flag,SPLIT,split) $(call option,RESULTS,results) $(format)
bring = $(call option,APP,app) $(call option,SERVE,serve) $(call option,ENV,env) $(call option,ON,on) \
    $(call option,REQUEST,request) $(call option,NAME,name)
two = $(call option,A,a) $(call option,B,b) $(call option,THRESHOLD,threshold)

.SILENT:
.PHONY: help venv setup tools counters bench pair compare workloads machines history worker sensitivity power anatomy diff ladders table walk check-layer test \
    test-all test-faults schema readme lock clean

help: ## show this list
	sh scripts/help.sh $(MAKEFILE_LIST)

bench: setup ## measure a ladder, print its decay table, keep a record
	$(bench) bench $(call option,LAYERS,layers) $(call option,WORKERS,workers) $(bring) $(ladder) $(workload) $(run)

bench-%: setup ## measure one layer
	$(bench) bench --layers $* $(call option,WORKERS,workers) $(bring) $(ladder) $(workload) $(run)

pair: setup ## is layer B slower than layer A? make pair A=uvicorn B=starlette
	$(bench) pair $(two) $(bring) $(workload) $(run)

compare: venv ## did a layer change between two records? make compare A=results/old.json B=results/new.json
	$(bench) compare $(two) $(call flag,FORCE,force) $(format)

workloads: setup ## what layers cost in each workload; MEASURE=1 measures all of them first (15 minutes)
	$(bench) workloads $(ladder) $(workload) $(call flag,MEASURE,measure) $(call option,RECORD,record) $(run)

machines: venv ## compare what layers cost on several machines: make machines RECORD="files or folders", or measure first: SCHEDULER=
	$(bench) machines $(call option,RECORD,record) $(if $(strip $(SCHEDULER)),$(call option,SCHEDULER,scheduler) \
	    $(call option,LADDER,ladder) $(call option,BUDGET,budget)) $(workload) $(format)

history: venv counters ## what did each release of a package cost? make history PACKAGE=fastapi SINCE=0.100
	$(bench) history $(call option,PACKAGE,package) $(call option,RELEASES,releases) $(call option,SINCE,since) \
	    $(call option,UNTIL,until) $(call option,LAYERS,layers) $(call option,DEPS,deps) $(call option,SCHEDULER,scheduler) $(format)

worker: setup counters ## do jobs for a scheduler on another machine: make worker SCHEDULER=tcp://head:8786
	$(bench) worker $(call option,SCHEDULER,scheduler)

sensitivity: setup ## inject slow-downs of known size, and count how often pair finds them (hours)
	$(bench) sensitivity $(call option,SIZES,sizes) $(call option,RUNS,runs) $(call option,THRESHOLD,threshold) $(run) $(call option,RECORD,record)

power: sensitivity # the old name, for one release

anatomy: venv counters ## count exactly where the work of one request goes, in each layer of a ladder
	$(bench) anatomy $(call option,LAYERS,layers) $(call option,LADDER,ladder) $(call option,WORKERS,workers) $(bring) $(anatomy)

anatomy-%: venv counters ## ... in one layer
	$(bench) anatomy --layers $* $(bring) $(anatomy)

diff: venv ## which Python functions does layer B call that layer A does not? make diff A=starlette B=fastapi
	$(bench) diff $(call option,A,a) $(call option,B,b) $(call option,RECORD,record) $(format)

serve-%: venv ## serve one layer in the foreground
	$(bench) serve $* $(call option,PORT,port)

ladders: venv ## list the ladders and their layers
	$(bench) ladders

table: venv ## print the decay table of a record
	$(bench) table $(call option,RECORD,record) $(format)

test: venv ## check everything: style, types, and real servers under real wrk
	ONLY='$(subst ','\'',$(strip $(ONLY)))' sh scripts/test.sh

test-all: venv ## ... and the slow tests: every layer under every client, 200 signals at random moments
	sh scripts/test.sh -m ''

test-faults: venv ## only the tests of faults, and 200 signals at random moments (half an hour)
	sh scripts/test.sh -m faults

schema: venv ## regenerate the JSON Schema of a record
	$(bench) schema > docs/record.schema.json

walk: setup counters ## measure and count every ladder, or LADDER, again, and regenerate README.md and docs/ (an hour)
	$(bench) walk $(call option,LADDER,ladder) $(call option,BUDGET,budget)

check-layer: venv ## is a layer complete? make check-layer LAYER=mine
	$(bench) check-layer '$(strip $(LAYER))'

readme: venv ## regenerate the tables of README.md and docs/ from results/reference
	$(bench) readme

lock: ## update the pins in requirements.lock and groups/*.lock, with hashes
	sh scripts/lock.sh $(python)

tools: ## install the programs that tests and commands use, where the system's package manager has them
	sh scripts/tools.sh

setup: venv ## create .venv and install wrk; the commands above do so when needed
	sh scripts/tools.sh wrk

# Optional: without them, anatomy says what it had to leave out.
counters:
	sh scripts/tools.sh --try valgrind strace

venv:
	sh scripts/setup.sh $(python)

clean: ## remove all environments and caches, but no results
	sh scripts/clean.sh
