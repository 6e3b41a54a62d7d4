"""oha, which sends requests at a fixed rate: built by cargo when it is first needed, always the same version."""

import shlex
from collections.abc import Callable
from pathlib import Path

from bench.data.errors import BadInput
from bench.data.layers import ROOT, Build
from bench.host.environments import failure_of, lacks

VERSION = "1.12.0"
"""The last one that the Rust of Debian 13 (1.85) compiles. --locked: with the versions that it was released with."""
FOLDER = ROOT / ".venvs" / f"oha-{VERSION}"
PROGRAM = FOLDER / "bin" / "oha"
BUILD = Build(
    command=f"cargo install oha --version ={VERSION} --locked --quiet --root {shlex.quote(str(FOLDER))}",
    needs=("cargo --version", "rustc --version", "cc --version"),
    hint="RATE= needs oha, which cargo builds: install Rust 1.85 or newer from https://rustup.rs",
)


def require_oha(tell: Callable[[str], None], program: Path = PROGRAM) -> Path:
    """The path of oha, built if it is not there yet (a few minutes); raises BadInput with what that lacks."""
    if program.is_file():
        return program
    if why := lacks(BUILD):
        raise BadInput(f"oha cannot be built: {why}")
    tell(f"building oha {VERSION}, once; this takes a few minutes: {BUILD.command}")
    if why := failure_of(BUILD.command):
        raise BadInput(f"oha cannot be built: {why}")
    return program
