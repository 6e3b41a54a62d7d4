"""Layers -> layers that can be started: what they need is installed or compiled, each thing once."""

import os
import shlex
import signal
import subprocess
from collections.abc import Callable, Iterable

from bench.data.errors import held
from bench.data.layers import PYTHON, ROOT, Layer


def build(layers: Iterable[Layer], tell: Callable[[str], None]) -> dict[str, str]:
    """Do what each `group` and `build` wants; returns why not, by the names of layers that could not be made ready."""
    failed: dict[str, str] = {}
    done: dict[str, str] = {}
    for layer in layers:
        command = (
            f"{shlex.quote(os.path.relpath(PYTHON, ROOT))} -I scripts/setup.py group {layer.group}"
            if layer.group
            else layer.build
        )
        if command and command not in done:
            tell(f"set-up for {layer.name}: {command}")
            done[command] = _run(command)
        if why := done.get(command):
            failed[layer.name] = why
    return failed


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
        return f"cannot be made ready: it needs {argv[0]}, which is not to be had here ({error.strerror})"
    try:
        said = ran.communicate()[0]
    except BaseException:  # a signal: what it started must not go on without us
        os.killpg(ran.pid, signal.SIGKILL)
        ran.wait()
        raise
    if not ran.returncode:
        return ""
    last = "".join(f"\n    {line}" for line in said.strip().splitlines()[-5:])
    return f"cannot be made ready: `{command}` failed with exit code {ran.returncode}; its last lines:{last}"
