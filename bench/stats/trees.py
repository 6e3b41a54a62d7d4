"""The tree of Python calls of one request: as collapsed stacks, as speedscope JSON, and what two trees differ in."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from bench.data.layers import ROOT
from bench.data.record import Frame

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


def collapsed(tree: Frame, above: tuple[str, ...] = ()) -> dict[str, float]:
    """Bytecodes a request by stack, its functions joined by semicolons: what flamegraph.pl and speedscope read."""
    found: dict[str, float] = {}
    for child in tree.children:
        stack = (*above, child.name.replace(";", ","))
        if child.bytecodes:
            key = ";".join(stack)
            found[key] = found.get(key, 0) + child.bytecodes
        for key, count in collapsed(child, stack).items():
            found[key] = found.get(key, 0) + count
    return found


def collapsed_text(stacks: dict[str, float]) -> str:
    """Collapsed stacks as a file, a line each."""
    return "".join(f"{stack} {_number(count)}\n" for stack, count in stacks.items())


Difference = tuple[str, float, float, float, float]
"""A function, its calls and bytecodes a request in one layer, and those in another."""


def difference(lower: Frame, upper: Frame) -> list[Difference]:
    """The functions whose work differs between two layers.

    The largest difference in bytecodes comes first.
    """
    sums = [by_function(tree) for tree in (lower, upper)]
    names = dict.fromkeys(name for each in sums for name in each)
    rows = [(name, *sums[0].get(name, (0.0, 0.0)), *sums[1].get(name, (0.0, 0.0))) for name in names]
    return sorted((row for row in rows if row[1:3] != row[3:]), key=lambda row: -abs(row[4] - row[2]))


def by_function(tree: Frame) -> dict[str, tuple[float, float]]:
    """Calls and bytecodes a request of each function, from wherever it is called."""
    found: dict[str, tuple[float, float]] = {}
    for frame in add_up(tree):
        calls, bytecodes = found.get(frame.name, (0.0, 0.0))
        found[frame.name] = (calls + frame.calls, bytecodes + frame.bytecodes)
    return found


def speedscope(layer: str, tree: Frame) -> str:
    """A layer's tree as a file for https://www.speedscope.app, weighted by bytecodes.

    The format is that of its file-format-spec: shared frames, and samples of frame indices with a weight.
    """
    index: dict[str, int] = {}
    stacks = collapsed(tree)
    samples = [[index.setdefault(name, len(index)) for name in stack.split(";")] for stack in stacks]
    profile = {
        "type": "sampled",
        "name": f"{layer}: bytecodes of one request",
        "unit": "none",
        "startValue": 0,
        "endValue": sum(stacks.values()),
        "samples": samples,
        "weights": list(stacks.values()),
    }
    return json.dumps(
        {
            "$schema": "https://www.speedscope.app/file-format-schema.json",
            "shared": {"frames": [{"name": name} for name in index]},
            "profiles": [profile],
        }
    )


def _number(count: float) -> str:
    return f"{count:.6f}".rstrip("0").rstrip(".")
