"""callgrind's files of a Python process -> allocations, collections, and the instructions spent in the collector.

Counted by function, so only where the interpreter has its symbols: a stripped one (a distribution's) has none of them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from bench.data.record import COLLECTOR

ALLOCATORS = ("_PyObject_Malloc", "_PyObject_Calloc", "_PyObject_MiMalloc", "_PyObject_MiCalloc")
"""Each call takes a block from pymalloc, or mimalloc in a free-threaded build; free lists do without."""
COLLECTORS = ("_Py_RunGC", "gc_collect_main")
"""What begins a collection: the first of these that is there, since one calls the other."""
ALLOCATIONS, COLLECTIONS = "allocations", "collections per 1,000 requests"
NO_SYMBOLS = (
    "no allocations, and the garbage collector is part of the interpreter here, which was built without symbols, or is"
    " not CPython: what it costs is in the decays of `make bench LADDER=gc`"
)


def read_calls(path: Path) -> Counter[str]:
    """How often allocators and collectors were called, and `... cost`: their inclusive instructions.

    In callgrind's format `cfn=` names the function that the next `calls=` line calls, and the line after that has the
    inclusive cost; a name is written out once, and its number stands for it from then on.
    """
    wanted = {*ALLOCATORS, *COLLECTORS}
    names: dict[str, str] = {}
    found: Counter[str] = Counter()
    callee, called = "", 0
    with path.open(errors="replace") as lines:
        for line in lines:
            if called:
                found[f"{callee} cost"] += int(line.split()[1])
                called = 0
            elif line.startswith(("fn=", "cfn=")):
                key, _, name = line.rstrip("\n").partition("=")[2].partition(" ")
                if name:
                    names[key] = re.sub(r"'\d+$", "", name)  # a function that recurs has a number at its end
                callee = names.get(key, "") if line[0] == "c" else ""
            elif line.startswith("calls=") and callee in wanted:
                called = int(line[6:].split()[0])
                found[callee] += called
    return found


def count(paths: Iterable[Path]) -> dict[str, float]:
    """Allocations, collections and the collector's instructions in these files; empty without symbols."""
    calls: Counter[str] = sum((read_calls(path) for path in paths), Counter())
    if not any(name in calls for name in ALLOCATORS):
        return {}
    entry = next((name for name in COLLECTORS if name in calls), COLLECTORS[0])
    return {
        ALLOCATIONS: sum(calls[name] for name in ALLOCATORS),
        COLLECTIONS: calls[entry],
        COLLECTOR: calls[f"{entry} cost"],
    }


def per_request(total: Mapping[str, float], idle: Mapping[str, float], share: float, requests: int) -> dict[str, float]:
    """What one request took, less what the server does while idle; collections are those of 1,000 requests."""
    found = {name: max(0.0, (count - idle.get(name, 0) * share) / requests) for name, count in total.items()}
    return {name: count * (1000 if name == COLLECTIONS else 1) for name, count in found.items()}
