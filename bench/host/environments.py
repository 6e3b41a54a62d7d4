"""Layers -> layers that can be started: what they need is installed or compiled, each thing once."""

import os
import shlex
import signal
import subprocess
from collections.abc import Callable, Iterable

from bench.data.errors import held
from bench.data.layers import PYTHON, ROOT, Layer
from bench.data.toml import short

TIMEOUT = 60.0  # seconds that a command of `needs` has


def build(layers: Iterable[Layer], tell: Callable[[str], None]) -> dict[str, str]:
    """Do what each `group` and `build` wants; returns why not, by the names of layers that could not be made ready."""
    failed: dict[str, str] = {}
    done: dict[str, str] = {}
    for layer in layers:
        command = layer.build.command if layer.build else ""
        if layer.group:
            command = f"{shlex.quote(str(PYTHON))} -I scripts/setup.py group {layer.group}"
        if command and command not in done:
            if not (why := missing(layer)):
                tell(f"set-up for {layer.name}: {command}")
                why = _run(command)
            done[command] = why
        if done.get(command):
            failed[layer.name] = f"cannot be made ready: {done[command]}"
    return failed


def missing(layer: Layer) -> str:
    """Which command that a layer's build needs fails here, why, and what to do, on one line; or nothing."""
    for command in layer.build.needs if layer.build else ():
        argv = shlex.split(command)
        try:
            subprocess.run(
                argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                errors="replace", check=True, timeout=TIMEOUT,
            )  # fmt: skip
            continue
        except OSError as error:
            why = f"it needs {argv[0]}, which is not to be had here ({error.strerror})"
        except subprocess.CalledProcessError as error:
            why = f"it needs `{command}`, which fails: {short(' '.join(error.stdout.split()), 300)}"
        except subprocess.TimeoutExpired:
            why = f"it needs `{command}`, which has not ended after {TIMEOUT:.0f} s"
        return f"{why}: {layer.build.hint}" if layer.build and layer.build.hint else why
    return ""


def _run(command: str) -> str:
    """Why a command failed, or nothing."""
    argv = shlex.split(command)
    try:
        with held():
            ran = subprocess.Popen(
                argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                errors="replace", start_new_session=True,
            )  # fmt: skip
    except OSError as error:
        return f"it needs {argv[0]}, which is not to be had here ({error.strerror})"
    try:
        said = ran.communicate()[0]
    except BaseException:  # a signal: what it started must not go on without us
        os.killpg(ran.pid, signal.SIGKILL)
        ran.wait()
        raise
    if not ran.returncode:
        return ""
    last = "".join(f"\n    {line}" for line in said.strip().splitlines()[-5:])
    return f"`{command}` failed with exit code {ran.returncode}; its last lines:{last}"
