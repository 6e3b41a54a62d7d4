"""The tree of Python calls of one request: its packages, its functions, and what two trees differ in."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from asgi_anatomy.suite.layers import ROOT
from asgi_anatomy.turns.record import Frame

INSTALLED = re.compile(r".*/python\d+\.\d+t?/(?:(?:site|dist)-packages/)?([^/]+)")
"""A file of the standard library or of a package, of whichever Python; its group is the package."""


def package(file: str) -> str:
    """The package that a source file belongs to; a file of this project goes by its own path."""
    if file.startswith("<frozen "):
        return file.removeprefix("<frozen ").rstrip(">").partition(".")[0]
    if found := INSTALLED.match(file):
        return found[1].removesuffix(".py")
    path = Path(file)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name or "-"


def add_up(tree: Frame) -> Iterator[Frame]:
    """Every frame of a tree."""
    for child in tree.children:
        yield child
        yield from add_up(child)


Difference = tuple[str, float, float, float, float]
"""A function, its calls and bytecodes per request in one layer, and those in another."""


def difference(lower: Frame, upper: Frame) -> list[Difference]:
    """The functions whose work differs between two layers.

    The largest difference in bytecodes comes first.
    """
    sums = [by_function(tree) for tree in (lower, upper)]
    names = dict.fromkeys(name for each in sums for name in each)
    rows = [(name, *sums[0].get(name, (0.0, 0.0)), *sums[1].get(name, (0.0, 0.0))) for name in names]
    return sorted((row for row in rows if row[1:3] != row[3:]), key=lambda row: -abs(row[4] - row[2]))


def collapsed(tree: Frame, above: tuple[str, ...] = ()) -> dict[str, float]:
    """Bytecodes per request by stack, functions joined by semicolons: the format of flamegraph.pl and speedscope."""
    found: dict[str, float] = {}
    for child in tree.children:
        stack = (*above, child.name.replace(";", ","))
        if child.bytecodes:
            key = ";".join(stack)
            found[key] = found.get(key, 0) + child.bytecodes
        for key, count in collapsed(child, stack).items():
            found[key] = found.get(key, 0) + count
    return found


def by_function(tree: Frame) -> dict[str, tuple[float, float]]:
    """Calls and bytecodes per request of each function, from wherever it is called."""
    found: dict[str, tuple[float, float]] = {}
    for frame in add_up(tree):
        calls, bytecodes = found.get(frame.name, (0.0, 0.0))
        found[frame.name] = (calls + frame.calls, bytecodes + frame.bytecodes)
    return found


def by_package(tree: Frame) -> tuple[dict[str, float], dict[str, float]]:
    """Calls and bytecodes per request by package, the most bytecodes first."""
    calls: Counter[str] = Counter()
    bytecodes: Counter[str] = Counter()
    for frame in add_up(tree):
        calls[frame.package] += frame.calls  # type: ignore[assignment]  # a Counter adds floats as well
        bytecodes[frame.package] += frame.bytecodes  # type: ignore[assignment]
    order = [name for name, count in bytecodes.most_common() if count]
    return {name: calls[name] for name in order}, {name: bytecodes[name] for name in order}
