"""The tree of Python calls of one request: its frames, by stack, by function and by package."""

import re
from collections import defaultdict
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
    if installed := INSTALLED.match(file):
        return installed[1].removesuffix(".py")
    path = Path(file)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name or "-"


def frames(tree: Frame) -> Iterator[Frame]:
    """Every frame below the root of a tree, callers before what they call."""
    for child in tree.children:
        yield child
        yield from frames(child)


def collapsed(tree: Frame, above: str = "") -> dict[str, float]:
    """Bytecodes per request by stack, functions joined by semicolons: the format of flamegraph.pl and speedscope."""
    stacks: dict[str, float] = defaultdict(float)
    for child in tree.children:
        stack = above + child.name.replace(";", ",")
        if child.bytecodes:
            stacks[stack] += child.bytecodes
        for below, bytecodes in collapsed(child, f"{stack};").items():
            stacks[below] += bytecodes
    return stacks


def by_function(tree: Frame) -> dict[str, tuple[float, float]]:
    """Calls and bytecodes per request of each function, from wherever it is called."""
    sums: dict[str, tuple[float, float]] = {}
    for frame in frames(tree):
        calls, bytecodes = sums.get(frame.name, (0.0, 0.0))
        sums[frame.name] = calls + frame.calls, bytecodes + frame.bytecodes
    return sums


def by_package(tree: Frame) -> tuple[dict[str, float], dict[str, float]]:
    """Calls per request by package, and bytecodes; the most bytecodes first."""
    calls: dict[str, float] = defaultdict(float)
    bytecodes: dict[str, float] = defaultdict(float)
    for frame in frames(tree):
        calls[frame.package] += frame.calls
        bytecodes[frame.package] += frame.bytecodes
    order = sorted((name for name in bytecodes if bytecodes[name]), key=lambda name: -bytecodes[name])
    return {name: calls[name] for name in order}, {name: bytecodes[name] for name in order}
