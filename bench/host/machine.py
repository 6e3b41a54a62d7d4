"""What the figures were made on: the machine and the interpreter. What cannot be read is null."""

import contextlib
import os
import platform
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import msgspec
import psutil

HOOKS = (
    *("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG", "PYTHONTRACEMALLOC", "PYTHONASYNCIODEBUG", "PYTHONDEVMODE"),
    *("PYTHONMALLOC", "PYTHONDUMPREFS", "PYTHONPROFILEIMPORTTIME", "PYTHON_JIT", "LD_PRELOAD", "DYLD_INSERT_LIBRARIES"),
)
HEAVY = 20.0
SAMPLE = 0.3  # seconds over which other processes are watched


class Machine(msgspec.Struct, kw_only=True):
    """The hardware, the kernel, and how busy they were when the run began."""

    cpu: str
    cores: int
    memory_gib: float
    system: str
    load: list[float]
    """Load averages over 1, 5 and 15 minutes."""
    governor: str | None = None
    turbo: bool | None = None
    wrk: str = ""
    hooks: list[str] = []
    """Environment variables that slow a server down: tracing, coverage, debugging."""
    heavy: list[str] = []
    """Other processes that used more than HEAVY percent of a core when the run began."""


class Python(msgspec.Struct, kw_only=True):
    """The interpreter that serves the layers, and how it was built."""

    version: str
    implementation: str
    compiler: str
    optimised: bool
    """Built with profile-guided optimisation (--enable-optimizations)."""
    lto: bool
    debug: bool
    free_threaded: bool
    jit: bool


def read_machine() -> Machine:
    """The machine that this runs on, now."""
    return Machine(
        cpu=_cpu(),
        cores=os.cpu_count() or 1,
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        load=[round(each, 2) for each in os.getloadavg()],
        governor=_read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        turbo=_turbo(),
        wrk=_wrk(),
        hooks=[name for name in HOOKS if os.environ.get(name)],
        heavy=_heavy(),
    )


def read_python() -> Python:
    """The interpreter that runs this, which is the one that serves the layers."""
    flags = str(sysconfig.get_config_var("CONFIG_ARGS") or "")
    cflags = str(sysconfig.get_config_var("PY_CORE_CFLAGS") or "") + str(sysconfig.get_config_var("PY_CFLAGS") or "")
    jit = getattr(sys, "_jit", None)
    return Python(
        version=platform.python_version(),
        implementation=platform.python_implementation(),
        compiler=platform.python_compiler(),
        optimised="--enable-optimizations" in flags or "-fprofile-use" in cflags,
        lto="--with-lto" in flags or "-flto" in cflags,
        debug=bool(sysconfig.get_config_var("Py_DEBUG")),
        free_threaded=bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        jit=bool(jit and jit.is_enabled()),
    )


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


def _heavy() -> list[str]:
    """Names of the processes that are busy now, with their share of a core; this one and its parents are not."""
    ours = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    others = [each for each in psutil.process_iter() if each.pid not in ours]
    for wait in (0, SAMPLE):  # the first call starts the clock
        time.sleep(wait)
        found = []
        for each in others:
            with contextlib.suppress(psutil.Error):
                if (percent := each.cpu_percent()) > HEAVY:
                    found.append(f"{each.name()} ({percent:.0f}% of a core)")
    return found


def _wrk() -> str:
    try:
        said = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""
    return said.partition(" [")[0].removeprefix("wrk ").strip()
