"""Counts of one request -> its phases, from left to right: instructions by phases.toml, and then microseconds.

What compiled components execute is theirs. The instructions of the interpreter and of the libraries that serve it are
divided by bytecodes, as if each took as many; together they are those of the layer.
"""

import functools
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from asgi_anatomy.counts.figures import INTERPRETER, components
from asgi_anatomy.turns.record import Counts, Frame

TABLE = Path(__file__).with_name("phases.toml")
KERNEL, OTHER = "kernel", "other"
RUNTIME = (INTERPRETER, "libc", "ld.so", "garbage collector", "the rest")
"""The components that execute Python."""
LIBRARY = sys.stdlib_module_names


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A phase of phases.toml."""

    name: str
    about: str
    code: tuple[str, ...]
    components: tuple[str, ...] = ()


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    helpers: tuple[str, ...]
    phases: tuple[Rule, ...]


class Phase(msgspec.Struct, frozen=True):
    """A part of one request: `amount` in instructions, or in µs."""

    name: str
    about: str
    amount: float
    owners: dict[str, float]
    """The amount by whose code it is. The standard library is its caller's."""
    place: str = ""
    """The function in whose part of the call tree most of it is, or empty."""


@functools.cache
def rules() -> Rules:
    """What phases.toml says."""
    return msgspec.toml.decode(TABLE.read_bytes(), type=Rules)


@functools.cache
def phase_of(function: str) -> str:
    """The phase of a PACKAGE:FUNCTION; empty for a helper."""
    pairs = [("", pattern) for pattern in rules().helpers]
    pairs += [(rule.name, pattern) for rule in rules().phases for pattern in rule.code]
    found = [(len(pattern), name) for name, pattern in pairs if fnmatchcase(function, pattern)]
    return max(found)[1] if found else OTHER


class _Call(msgspec.Struct, frozen=True):
    """Where a frame belongs: its phase, whose code it is, and the outermost call of this phase that led to it."""

    phase: str
    owner: str
    place: str


def _calls(tree: Frame, caller: _Call) -> Iterator[tuple[_Call, float]]:
    for frame in tree.children:
        phase = phase_of(frame.name) or caller.phase
        helps = frame.package in LIBRARY or frame.package.startswith("<")
        owner = caller.owner if helps and caller.owner else frame.package
        call = _Call(phase, owner, caller.place if phase == caller.phase and caller.place else frame.name)
        yield call, frame.bytecodes
        yield from _calls(frame, call)


def phases(counts: Counts) -> list[Phase]:
    """The instructions of each phase that has any, in order; empty without instructions or a call tree."""
    executed, tree = components(counts), counts.tree
    calls = [*_calls(tree, _Call(rules().phases[0].name, "", ""))] if tree else []
    total = sum(bytecodes for _, bytecodes in calls)
    if not executed or not total:
        return []
    owners: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    places: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    runtime = sum(executed.get(name, 0.0) for name in RUNTIME)
    for call, bytecodes in calls:
        owners[call.phase][call.owner] += runtime * bytecodes / total
        places[call.phase][call.place] += bytecodes
    claimed = {component: rule.name for rule in rules().phases for component in rule.components}
    for component, count in executed.items():
        if component not in RUNTIME and count > 0:
            owners[claimed.get(component, OTHER)][component.partition("/")[0].removesuffix("-core")] += count
    abouts = {rule.name: rule.about for rule in rules().phases} | {OTHER: "functions that phases.toml does not name"}
    return [
        Phase(name, about, sum(owners[name].values()), {**owners[name]}, _largest(places[name]))
        for name, about in abouts.items()
        if name in owners
    ]


def _largest(sums: Mapping[str, float]) -> str:
    return max(sums, key=lambda name: sums[name], default="")


def times(counts: Counts, user_us: float, system_us: float) -> list[Phase]:
    """The same in µs: the kernel as one phase, and the others scaled so that they take all of the user time."""
    found = phases(counts)
    scale = user_us / sum(phase.amount for phase in found) if found else 0.0
    kernel = Phase(KERNEL, "reading from the socket, writing to it, waiting for more", system_us, {KERNEL: system_us})
    return [kernel, *(_scaled(phase, scale) for phase in found)] if found else []


def _scaled(phase: Phase, scale: float) -> Phase:
    owners = {owner: amount * scale for owner, amount in phase.owners.items()}
    return msgspec.structs.replace(phase, amount=phase.amount * scale, owners=owners)
