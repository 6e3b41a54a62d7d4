"""A layer's command -> the same without the flags that the release which serves it does not have."""

import functools
import re
import shlex

from bench.data.layers import Layer
from bench.host.programs import run
from bench.host.variables import clean_environment

FLAG = re.compile(r"--[a-z0-9][a-z0-9-]*")
OWN = "servers."
TIMEOUT = 60.0  # seconds that a program has to list its flags


def lacking(layer: Layer) -> tuple[str, list[str]]:
    """The command of a layer without the flags that its program does not list under `--help`, and these flags.

    A flag goes together with its value. The servers of this suite have what their layers ask for.
    """
    words = shlex.split(layer.command)
    module = words[2] if words[:2] == ["{python}", "-m"] and len(words) > 2 else OWN
    if module.startswith(OWN):
        return layer.command, []
    if not (known := _known(layer.python, module)):
        return layer.command, []  # it lists none: the server itself will say what is wrong
    asked = dict.fromkeys(word.partition("=")[0] for word in words if FLAG.match(word))
    missing = [flag for flag in asked if flag not in known]
    command = layer.command
    for flag in missing:
        command = re.sub(rf"\s{re.escape(flag)}(=\S+|\s+(?!-|\{{app\}})\S+)?(?=\s|$)", "", command)
    return command, missing


@functools.cache
def _known(python: str, module: str) -> frozenset[str]:
    """The flags that a program lists."""
    code, said = run([python, "-m", module, "--help"], TIMEOUT, environment=clean_environment())
    return frozenset(FLAG.findall(said)) if code == 0 else frozenset()
