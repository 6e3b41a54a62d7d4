# `make COMMAND NAME=value ...` is `asgi-anatomy COMMAND NAME=value ...`, in an environment that is made first.

# These would make Python import modules other than its own.
unexport PYTHONPATH PYTHONHOME PYTHONSAFEPATH PYTHONSTARTUP PYTHONUSERBASE PYTHONPLATLIBDIR PYTHONEXECUTABLE PYTHONINSPECT

MAKEFLAGS += --no-builtin-rules
PYTHON = python3
python = '$(subst ','\'',$(strip $(PYTHON)))'
# The variables that make was given: their values are in the environment.
given = $(strip $(foreach name,$(filter-out PYTHON MAKEFLAGS,$(.VARIABLES)),$(if $(filter command,$(firstword $(origin $(name)))),$(name))))

.SILENT:
.PHONY: default help venv setup tools test test-all test-faults lock clean command

default:
	echo 'make bench             what each layer of a ladder costs: the decay table'
	echo 'make bench BUDGET=20   ... within 20 seconds; the first time, 20 more to set up'
	echo 'make help              every command; make help-bench: the options of one'
	echo
	echo 'make setup | clean     the environment that commands run in; made when needed'
	echo 'make test | test-all | test-faults [ONLY=path]'
	echo 'make tools | lock      install what tests use | pin the newest packages'
	echo
	echo 'Every command takes PYTHON=python3.13: the Python to serve and measure with.'

venv:
	sh scripts/setup.sh $(python)

ifneq (,$(filter help,$(MAKECMDGOALS)))  # `make help bench` is `make help-bench`: it runs nothing else
help: venv
	.venv/bin/python -m asgi_anatomy $(firstword $(filter-out help,$(MAKECMDGOALS))) --help

%: ;
else
help-%: venv
	.venv/bin/python -m asgi_anatomy $* --help

# Every other target is a command. By the real path of the environment: .venv is a link, which a later set-up may change.
%: venv command
	MAKE_WORDS='$(given)' MAKE_PID=$$PPID exec "$$(cd ./.venv && pwd -P)/bin/python" -m asgi_anatomy $@

test: venv
	ONLY='$(subst ','\'',$(strip $(ONLY)))' sh scripts/test.sh

test-all: venv
	sh scripts/test.sh -m ''

test-faults: venv
	ONLY='$(subst ','\'',$(strip $(ONLY)))' sh scripts/test.sh -m faults

setup: venv
	sh scripts/tools.sh wrk

tools:
	sh scripts/tools.sh

lock:
	sh scripts/setup.sh $(python) lock

clean:
	sh scripts/clean.sh
endif

Makefile: ;
