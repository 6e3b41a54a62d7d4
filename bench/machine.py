"""What the figures were made on: the machine, the interpreter, the versions. What cannot be read is null."""

import importlib.metadata
import os
import platform
import subprocess
import sys
import sysconfig
from pathlib import Path

import msgspec
import psutil

from bench.layers import ROOT

MEASURED = ("uvloop", "httptools", "uvicorn", "starlette", "fastapi", "pydantic", "pydantic-core", "msgspec", "anyio")


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


def read_packages() -> dict[str, str]:
    """The versions of what is measured, by package."""
    found = {}
    for name in MEASURED:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def read_revision() -> str | None:
    """The git revision of the suite, with `+` where files differ from it; null outside a checkout."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return None
    return described.stdout.strip() or None


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


def _wrk() -> str:
    try:
        said = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""
    return said.partition(" [")[0].removeprefix("wrk ").strip()
