"""Layers -> layers that can be started: what they need is installed or compiled, each thing once."""

import shlex
from collections.abc import Callable, Iterable

from bench.data.layers import Layer
from bench.host.programs import run


def build(layers: Iterable[Layer], tell: Callable[[str], None]) -> dict[str, str]:
    """Do what each `group` and `build` wants; returns why not, by the names of layers that could not be made ready."""
    failed: dict[str, str] = {}
    done: dict[str, str] = {}
    for layer in layers:
        command = f"sh scripts/group.sh {layer.group}" if layer.group else layer.build
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
        code, said = run(argv)
    except OSError as error:
        return f"cannot be made ready: it needs {argv[0]}, which is not to be had here ({error.strerror})"
    if not code:
        return ""
    last = "".join(f"\n    {line}" for line in said.strip().splitlines()[-5:])
    return f"cannot be made ready: `{command}` failed with exit code {code}; its last lines:{last}"
