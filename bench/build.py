"""Layers -> layers that can be started: what they need is installed or compiled, each thing once."""

import shlex
import subprocess
from collections.abc import Callable, Iterable

from bench.layers import ROOT, Layer


def build(layers: Iterable[Layer], tell: Callable[[str], None]) -> dict[str, str]:
    """Run each `build` command once; returns why not, by the names of the layers that could not be made ready."""
    failed: dict[str, str] = {}
    done: dict[str, str] = {}
    for layer in layers:
        if layer.build and layer.build not in done:
            tell(f"{layer.name}: {layer.build}")
            done[layer.build] = _run(layer.build)
        if why := done.get(layer.build):
            failed[layer.name] = why
    return failed


def _run(command: str) -> str:
    """Why a command failed, or nothing."""
    argv = shlex.split(command)
    try:
        ran = subprocess.run(
            argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
    except OSError as error:
        return f"cannot be made ready: it needs {argv[0]}, which is not to be had here ({error.strerror})"
    if not ran.returncode:
        return ""
    last = "".join(f"\n    {line}" for line in ran.stdout.decode(errors="replace").strip().splitlines()[-5:])
    return f"cannot be made ready: `{command}` failed with exit code {ran.returncode}{last}"
