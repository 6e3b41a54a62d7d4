"""Layers -> layers that can be started: installs or compiles what they need, each thing once. And running uv.

What takes minutes is announced, and not begun within a run that has less time.
"""

import math
import os
import shlex
from collections.abc import Callable, Iterable

from asgi_anatomy.errors import Fault
from asgi_anatomy.machine.programs import SETUP_TIMEOUT, run
from asgi_anatomy.packages.uv import SetupError, variables
from asgi_anatomy.packages.uv import command as uv_command
from asgi_anatomy.suite.layers import ROOT, Build, Layer, short

TIMEOUT = 60.0  # seconds that a command of `needs` has


OHA = "1.12.0"
"""The last oha that the Rust of Debian 13 (1.85) compiles. --locked: with the versions that it was released with."""
OHA_BUILD = Build(
    command=f"cargo install oha --version ={OHA} --locked --quiet --root .venvs/oha-{OHA}",
    needs=("cargo --version", "rustc --version", "cc --version"),
    hint="RATE= needs oha, which cargo builds: install Rust 1.85 or newer from https://rustup.rs",
    program=f".venvs/oha-{OHA}/bin/oha",
    seconds=600,
)


def make(build: Build, name: str, tell: Callable[[str], None], budget: float = math.inf) -> str:
    """Compile something, if need be; returns why that failed, or an empty string.

    Where it would take longer than the budget it is not begun.
    """
    if why := lacks(build):
        return why
    first = bool(build.program) and not (ROOT / build.program).is_file()
    if first and build.seconds > budget:
        minutes = f"{build.seconds / 60:.0f} min"
        return f"compiling {name} takes {minutes}, BUDGET={budget:g} is shorter: type `make build ONLY={name}` first"
    about = f" (once, about {build.seconds / 60:.0f} min)" if first else ""
    tell(f"set-up for {name}{about}: {build.command}")
    return failure_of(build.command)


def build(layers: Iterable[Layer], tell: Callable[[str], None], budget: float = math.inf) -> dict[str, str]:
    """Install each `group` and run each `build`; returns the reasons for failures, by layer name.

    What would take longer than the budget, in seconds, is not compiled.
    """
    failed: dict[str, str] = {}
    done: dict[str, str] = {}
    for layer in layers:
        command = layer.build.command if layer.build else ""
        if layer.build and command not in done:
            done[command] = make(layer.build, layer.base, tell, budget)
        if layer.group:
            command = (
                f"{shlex.quote(os.path.relpath(layer.main, ROOT))} -I asgi_anatomy/packages/uv.py group {layer.group}"
            )
        if command and command not in done:
            tell(f"set-up for {layer.name}: {command}")
            done[command] = failure_of(command)
        if done.get(command):
            failed[layer.name] = f"set-up failed: {done[command]}"
    return failed


def missing(layer: Layer) -> str:
    """What a layer's build lacks, on one line; or an empty string."""
    return lacks(layer.build) if layer.build else ""


def lacks(build: Build) -> str:
    """Which of the commands that a build needs fails, why, and what to do, on one line; or an empty string."""
    for command in build.needs:
        argv = shlex.split(command)
        try:
            code, said = run(argv, TIMEOUT)
        except OSError as error:
            why = f"it needs {argv[0]}, which cannot be run here ({error.strerror})"
        else:
            if code == 0:
                continue
            why = f"it needs `{command}`, which fails: {short(' '.join(said.split()), 300)}"
            if code is None:
                why = f"it needs `{command}`, which did not end within {TIMEOUT:.0f} s"
        return f"{why}: {build.hint}" if build.hint else why
    return ""


def failure_of(command: str) -> str:
    """Why a command that installs or compiles something failed, or an empty string."""
    argv = shlex.split(command)
    try:
        code, said = run(argv, SETUP_TIMEOUT)
    except OSError as error:
        return f"it needs {argv[0]}, which cannot be run here ({error.strerror})"
    if code is None:
        return f"`{command}` did not end within {SETUP_TIMEOUT:g} s"
    if not code:
        return ""
    last = "".join(f"\n    {line}" for line in said.strip().splitlines()[-5:])
    return f"`{command}` failed with exit code {code}; its last lines:{last}"


def run_uv(*arguments: str, passes: Callable[[str], bool] = lambda _: True) -> tuple[int, str]:
    """Run uv with what pip is configured with, and the variables whose names pass; returns its exit code and its
    output. Raises Fault.
    """
    try:
        command = uv_command(*arguments)
        environment = {name: value for name, value in variables().items() if passes(name)}
    except SetupError as error:
        raise Fault(str(error)) from None
    code, output = run(command, SETUP_TIMEOUT, environment=environment)
    if code is None:
        raise Fault(f"uv {arguments[0]} did not end within {SETUP_TIMEOUT:g} s")
    return code, output
