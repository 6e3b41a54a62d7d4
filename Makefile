# Everything a user does: a rule is one command, its options are variables. `make help` is made from this file: after a target,
# `## GROUP: what it does`, or `#-` for what only ALL=1 shows; after a variable, its meaning and [default], under the commands that take it.

#= which layers (bench, anatomy)
LAYERS      =# only these: LAYERS="uvicorn starlette"
LADDER      =# a ladder of layers.toml (walk: all of them)   [default]
WORKERS     =# process counts to measure each layer with as well: 2, or "2 4"
PYTHONS     =# serve them with each of these: "3.12 3.13 3.14t" (bench)
WORKLOAD    =# what wrk sends, of workloads.toml (also pair, versus) [user]
MEASURE     =# 1: measure each workload first, for BUDGET seconds (workloads)
#= your own server (bench, pair, anatomy)
APP         =# your ASGI app: package.module:app, or folder/module:app
SERVE       =# your server, in any language: a command with {port}
ENV         =# the Python or virtual environment that runs it
ON          =# the layer it stands on                       [uvicorn for APP]
REQUEST     =# a TOML file with its request and answer      [the User request]
NAME        =# the name of its row
#= how long (bench, pair, sensitivity)
BUDGET      =# seconds; the first round always finishes (also walk) [60]
PRECISION   =# stop once decays are known to ± this many points (bench) [0.5]
SIZES       =# slow-downs to inject, in percent (sensitivity) [0 1 2 5 10]
RUNS        =# runs of each size (sensitivity)              [20]
#= how wrk loads the servers (bench, pair, sensitivity, sweep)
TURN        =# length of a turn in milliseconds (not sweep) [100]
SECONDS     =# length of a window (sweep)                   [2 or more]
CONNECTIONS =# wrk's connections; sweep: several [64, or the workload's]
THREADS     =# wrk's threads                                [1]
RATE        =# at fixed rates: "25% 50%" of what it can do, or 2000 (sweep)
PORT        =# where to listen (also serve-LAYER)           [a free one; 8000]
#= what is compared (pair, compare, diff, versus)
A           =# a layer; a record (compare); a version, git:REF, base (versus)
B           =# the other one; for versus also a folder with a checkout, a wheel
PACKAGE     =# the package that differs, or several (versus); history: one
REPO        =# the clone of git:REF, if not the other side's checkout (versus)
LIMIT       =# percent: smaller changes of counts are the same (versus) [0.2]
BISECT      =# 1: which releases or commits moved the count (versus)
THRESHOLD   =# percent: smaller differences are the same (not diff) [1]
FORCE       =# 1: compare records even if they are not comparable (compare)
#= what is printed and kept
RECORD      =# a record; several or folders: machines, report [the newest one]
BASELINE    =# show every decay on this layer (table)
FORMAT      =# text, markdown, csv or json                  [text]
OUT         =# the file to write (report, charts, export)
WIDE        =# 1: every column of a table and every line below it
SPLIT       =# 1: csv and json get a row for each component (anatomy)
RESULTS     =# the folder for records                       [results]
#= which releases (history)
RELEASES    =# minors, the last release of each, or all      [minors]
SINCE       =# the first release; 0.50 means its last patch
UNTIL       =# the last release
DEPS        =# other packages: held, newest or dated [held; fastapi: newest]
SCHEDULER   =# Dask: tcp://head:8786 (also machines, versus, worker)
#= the project itself
PYTHON      =# the Python to serve and measure with         [python3]
LAYER       =# the layer to check (check-layer)
ONLY        =# only these tests, a path (test); counts or time (versus)
ALL         =# 1: list everything (help)

# These would make Python import modules other than its own.
unexport PYTHONPATH PYTHONHOME PYTHONSAFEPATH PYTHONSTARTUP PYTHONUSERBASE PYTHONPLATLIBDIR PYTHONEXECUTABLE PYTHONINSPECT

# By the real path of the environment: .venv is a link, and a later set-up may point it elsewhere. It is told which variables make was
# given, and says which of them the command does not take.
bench = GIVEN='$(subst ','\'',$(given))' "$$(cd ./.venv && pwd -P)/bin/python" -m asgi_anatomy
given = $(if $(word 2,$(MAKECMDGOALS)),,$(strip $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name)))))
option = $(if $(strip $($1)),--$2 '$(subst ','\'',$(strip $($1)))')
flag = $(if $(filter-out 0 no,$(strip $($1))),--$2)
python = '$(subst ','\'',$(strip $(PYTHON)))'
load = $(call option,CONNECTIONS,connections) $(call option,THREADS,threads)
format = $(call option,FORMAT,format) $(call flag,WIDE,wide)
loaded = $(call option,BUDGET,budget) $(call option,PORT,port) $(call option,RESULTS,results) $(load) $(format)
run = $(call option,TURN,turn) $(loaded)
ladder = $(call option,LADDER,ladder) $(call option,PRECISION,precision)
drawn = $(call option,RECORD,record) $(call option,OUT,out)
workload = $(call option,WORKLOAD,workload)
anatomy = $(workload) $(call option,RECORD,record) $(call flag,SPLIT,split) $(call option,RESULTS,results) $(format)
bring = $(call option,APP,app) $(call option,SERVE,serve) $(call option,ENV,env) $(call option,ON,on) \
    $(call option,REQUEST,request) $(call option,NAME,name)
sides = $(call option,REPO,repo) $(call option,LAYERS,layers) $(call option,LADDER,ladder) $(call option,ONLY,only) \
    $(call option,LIMIT,limit) $(call option,PRECISION,precision) $(call flag,BISECT,bisect) $(call option,SCHEDULER,scheduler)
releases = $(call option,PACKAGE,package) $(call option,RELEASES,releases) $(call option,SINCE,since) \
    $(call option,UNTIL,until) $(call option,DEPS,deps) $(call option,SCHEDULER,scheduler)
everywhere = $(call option,SCHEDULER,scheduler) $(call option,LADDER,ladder) $(call option,BUDGET,budget)
two = $(call option,A,a) $(call option,B,b) $(call option,THRESHOLD,threshold)

.SILENT:
.PHONY: help venv setup tools counters bench pair versus compare workloads sweep clients machines history worker report charts export sensitivity anatomy diff ladders table walk check-layer test \
    test-all test-faults schema readme lock clean

help:
	sh scripts/help.sh '$(ALL)'

help-%:
	sh scripts/help.sh '' '$*'

bench: setup ## measure: what each layer of a ladder costs: the decay table
	$(bench) bench $(call option,LAYERS,layers) $(call option,WORKERS,workers) $(call option,PYTHONS,pythons) $(bring) $(ladder) $(workload) $(run)

bench-%: setup #- measure: ... of one layer: make bench-starlette
	$(bench) bench --layers $* $(call option,WORKERS,workers) $(bring) $(ladder) $(workload) $(run)

pair: setup ## measure: is B slower than A? make pair A=uvicorn B=starlette
	$(bench) pair $(two) $(bring) $(workload) $(run)

versus: setup counters ## compare: two versions: make versus PACKAGE=anyio A=4.4 B=4.5
	$(bench) versus $(call option,PACKAGE,package) $(two) $(sides) $(workload) $(call option,RECORD,record) $(run)

compare: venv ## compare: did a layer change? make compare A=old.json B=new.json
	$(bench) compare $(two) $(call flag,FORCE,force) $(format)

workloads: setup ## measure: what layers cost by workload; MEASURE=1 measures first
	$(bench) workloads $(ladder) $(workload) $(call flag,MEASURE,measure) $(call option,RECORD,record) $(run)

sweep: setup ## measure: 1 to 16,384 connections, or fixed rates: RATE="25% 50%"
	$(bench) sweep $(call option,LAYERS,layers) $(call option,LADDER,ladder) $(call option,WORKERS,workers) $(call option,RATE,rate) $(call option,SECONDS,seconds) $(workload) $(call option,RECORD,record) $(loaded)

clients: setup #- measure: what a wrk that sleeps makes of the same layers
	$(bench) clients $(call option,LAYERS,layers) $(ladder) $(workload) $(run)

machines: venv ## compare: several machines in one table: RECORD="files or folders"
	$(bench) machines $(call option,RECORD,record) $(if $(strip $(SCHEDULER)),$(everywhere)) $(workload) $(format)

history: venv counters ## measure: what each release of a package costs: PACKAGE=fastapi
	$(bench) history $(releases) $(call option,RESULTS,results) $(call option,LAYERS,layers) $(call option,PYTHONS,pythons) $(call option,RECORD,record) $(call option,OUT,out) $(format)

worker: setup counters #- measure: work for a scheduler on another machine: SCHEDULER=
	$(bench) worker $(call option,SCHEDULER,scheduler)

sensitivity: setup #- measure: how often pair finds slow-downs of known size (hours)
	$(bench) sensitivity $(call option,SIZES,sizes) $(call option,RUNS,runs) $(call option,THRESHOLD,threshold) $(run) $(call option,RECORD,record)

anatomy: venv counters ## explain: where the work of one request goes, counted exactly
	$(bench) anatomy $(call option,LAYERS,layers) $(call option,LADDER,ladder) $(call option,WORKERS,workers) $(bring) $(anatomy)

anatomy-%: venv counters #- explain: ... in one layer: make anatomy-starlette
	$(bench) anatomy --layers $* $(bring) $(anatomy)

diff: venv ## explain: what B calls and A does not: A=starlette B=fastapi
	$(bench) diff $(call option,A,a) $(call option,B,b) $(call option,RECORD,record) $(format)

report: venv ## show: a page: pictures, call trees, what it means for you
	$(bench) report $(drawn)

charts: venv #- show: the page's charts as SVG and PNG
	$(bench) charts $(drawn)

export: venv #- show: a record for another tool: FORMAT=pyperf or another
	$(bench) export $(call option,FORMAT,format) $(call option,RECORD,record) $(call option,OUT,out)

ladders: venv ## show: the ladders and their layers: what can be measured
	$(bench) ladders

table: venv ## show: the decay table of a record, by default the newest
	$(bench) table $(call option,RECORD,record) $(call option,BASELINE,baseline) $(format)

serve-%: venv ## serve: one layer in the foreground: make serve-starlette
	$(bench) serve $* $(call option,PORT,port)

test: venv #- upkeep: check everything: style, types, real servers under wrk
	ONLY='$(subst ','\'',$(strip $(ONLY)))' sh scripts/test.sh

test-all: venv #- upkeep: ... and every layer under every client, 200 signals
	sh scripts/test.sh -m ''

test-faults: venv #- upkeep: only the tests of faults, 200 signals (half an hour)
	sh scripts/test.sh -m faults

schema: venv #- upkeep: regenerate the JSON Schema of a record
	$(bench) schema > docs/record.schema.json

walk: setup counters #- upkeep: record every ladder, or LADDER, again (an hour)
	$(bench) walk $(call option,LADDER,ladder) $(call option,BUDGET,budget)

check-layer: venv #- upkeep: is a layer complete? make check-layer LAYER=mine
	$(bench) check-layer '$(strip $(LAYER))'

readme: venv #- upkeep: regenerate the generated parts of README.md and docs/
	$(bench) readme

lock: #- upkeep: update the pins of requirements.lock and groups/*.lock
	sh scripts/lock.sh $(python)

tools: #- upkeep: install every program that tests and commands use
	sh scripts/tools.sh

setup: venv #- upkeep: create .venv and install wrk, as commands do
	sh scripts/tools.sh wrk

# Optional: without them, anatomy says what it had to leave out.
counters:
	sh scripts/tools.sh --try valgrind strace

venv:
	sh scripts/setup.sh $(python)

clean: #- upkeep: remove all environments and caches, but no results
	sh scripts/clean.sh
