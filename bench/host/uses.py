"""Whether a layer uses a package: by what layers.toml says it serves with, or by what its modules import."""

import functools
import shlex

from packaging.utils import canonicalize_name

from bench.data.errors import Fault
from bench.data.layers import ROOT, Layer
from bench.host.other_python import ask
from bench.host.variables import clean_environment

TIMEOUT = 60.0  # seconds that imports may take
ASK = """
import importlib, importlib.metadata, json, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except Exception:
        pass
owners = importlib.metadata.packages_distributions()
tops = {name.partition(".")[0] for name in [*sys.modules]}
print()
print(json.dumps(sorted({owner for top in tops for owner in owners.get(top, [])})))
"""


def serves_with(layer: Layer, package: str) -> bool:
    """Whether a layer uses a package; its environment must have been made."""
    if "{python}" not in layer.command:
        return False
    named = canonicalize_name(package) in map(canonicalize_name, layer.versions)
    return named or package in _imported(layer.python, _modules(layer))


def _modules(layer: Layer) -> tuple[str, ...]:
    """The modules that it consists of: what its command runs, and its app."""
    words = shlex.split(layer.command)
    run = [words[place + 1] for place, word in enumerate(words[:-1]) if word == "-m"][:1]
    return (*run, *([layer.app.partition(":")[0]] if layer.app else []))


@functools.cache
def _imported(python: str, modules: tuple[str, ...]) -> frozenset[str]:
    """The packages that are imported along with these modules."""
    try:
        found = ask([python, "-c", ASK, *modules], list[str], TIMEOUT, clean_environment(), ROOT)
    except Fault:  # it may end as it is imported
        return frozenset()
    return frozenset(map(canonicalize_name, found))
