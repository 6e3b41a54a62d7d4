"""What a run is measured on: the machine, the interpreter, the cores it uses. What cannot be read is null."""

import contextlib
import os
import platform
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
import psutil
from msgspec import Meta

Share = Annotated[float, Meta(ge=0, le=10**9)]


class Machine(msgspec.Struct, kw_only=True):
    """The hardware, the kernel, and how busy they were when the run began."""

    cpu: str
    cores: Annotated[int, Meta(ge=1)]
    memory_gib: Share
    system: str
    load: Annotated[list[Share], Meta(min_length=1, max_length=3)]
    """Load averages over 1, 5 and 15 minutes."""
    governor: str | None = None
    turbo: bool | None = None
    wrk: str = ""
    hooks: list[str] = []
    """Environment variables that slow a server down: tracing, coverage, debugging."""
    others: list[Share] = []
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


HOOKS = (
    *("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG", "PYTHONTRACEMALLOC", "PYTHONASYNCIODEBUG", "PYTHONDEVMODE"),
    *("PYTHONMALLOC", "PYTHONDUMPREFS", "PYTHONPROFILEIMPORTTIME", "PYTHON_JIT", "LD_PRELOAD", "DYLD_INSERT_LIBRARIES"),
)
"""Environment variables that slow a server down: tracing, coverage, debugging."""
HEAVY = 20.0  # percent of a core
TIMEOUT = 30.0  # seconds that wrk has to say its version
SAMPLE = 0.3  # seconds for which other processes are watched


def read_machine() -> Machine:
    """The machine this runs on, as it is now."""
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        load=[round(average, 2) for average in os.getloadavg()],
        governor=_read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        turbo=_turbo(),
        wrk=_wrk(),
        hooks=[name for name in HOOKS if os.environ.get(name)],
        others=_others(),
    )


def read_python() -> Python:
    """The interpreter that runs this, which also serves the layers."""
    flags = str(sysconfig.get_config_var("CONFIG_ARGS") or "")
    cflags = str(sysconfig.get_config_var("PY_CORE_CFLAGS") or "") + str(sysconfig.get_config_var("PY_CFLAGS") or "")
    jit = getattr(sys, "_jit", None)
    return Python(
        version=platform.python_version(),
        implementation=platform.python_implementation(),
        compiler=platform.python_compiler(),
        optimised=is_optimised(flags, cflags, sys.base_prefix),
        lto="--with-lto" in flags or "-flto" in cflags,
        debug=bool(sysconfig.get_config_var("Py_DEBUG")),
        free_threaded=bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        jit=bool(jit and jit.is_enabled()),
    )


def is_optimised(flags: str, cflags: str, prefix: str) -> bool | None:
    """Whether an interpreter was built with profile-guided optimisation, according to its build; None: unknown.

    Distributions build theirs (in /usr) that way without configure's flag, so it leaves no trace.
    """
    if "--enable-optimizations" in flags or "-fprofile-use" in cflags:
        return True
    return False if flags and prefix != "/usr" else None


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None


def _cpu() -> str:
    for line in (_read("/proc/cpuinfo") or "").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _turbo() -> bool | None:
    if (off := _read("/sys/devices/system/cpu/intel_pstate/no_turbo")) is not None:
        return off == "0"
    if (on := _read("/sys/devices/system/cpu/cpufreq/boost")) is not None:
        return on == "1"
    return None


def _others() -> list[float]:
    """Percent of a core that each busy process uses now, except this one and its parents."""
    ours = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    others = [process for process in psutil.process_iter() if process.pid not in ours]
    for wait in (0, SAMPLE):  # the first call starts the clock
        time.sleep(wait)
        used: list[float] = []
        for process in others:
            with contextlib.suppress(psutil.Error):
                used.append(process.cpu_percent())
    return sorted((round(percent) for percent in used if percent > HEAVY), reverse=True)


def _wrk() -> str:
    try:
        output = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False, timeout=TIMEOUT).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    return output.partition(" [")[0].removeprefix("wrk ").strip()
