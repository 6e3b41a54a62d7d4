"""What a run was measured on: the machine, the interpreter, the cores it used. What cannot be read is null."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta


class Machine(msgspec.Struct, kw_only=True):
    """The hardware, the kernel, and how busy they were when the run began."""

    cpu: str
    cores: Annotated[int, Meta(ge=1)]
    memory_gib: float
    system: str
    load: Annotated[list[float], Meta(min_length=1, max_length=3)]
    """Load averages over 1, 5 and 15 minutes."""
    governor: str | None = None
    turbo: bool | None = None
    wrk: str = ""
    hooks: list[str] = []
    """Environment variables that slow a server down: tracing, coverage, debugging."""
    others: list[float] = []
    """Percent of a core used by each other busy process when the run began."""


class Python(msgspec.Struct, kw_only=True):
    """The interpreter that served the layers."""

    version: str
    implementation: str
    compiler: str
    optimised: bool | None
    """Built with profile-guided optimisation (--enable-optimizations); null: the build does not say."""
    lto: bool
    debug: bool
    free_threaded: bool
    jit: bool


class Lane(msgspec.Struct, frozen=True):
    """The core that all servers share, with their clients in turns, and another one; null: there is no other."""

    server: int
    client: int | None


def identity(machine: Machine | None, python: Python | None) -> object:
    """What makes two records one machine's: CPU, cores, kernel and Python build."""
    return machine and (machine.cpu, machine.cores, machine.system), python and msgspec.structs.astuple(python)


def same_versions(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether two records' packages have the same version wherever both have the package."""
    return all(one[name] == other[name] for name in one.keys() & other.keys())
