"""Commands that need a group of packages: it is installed when the first of them is called, and they run in it."""

import os
import subprocess
import sys
from pathlib import Path

from bench.data.errors import Fault
from bench.data.layers import PYTHON, ROOT


def needs_group(name: str) -> None:
    """Return in an environment that has the group; anywhere else, begin the same command anew in that environment.

    To be called before anything of the group is imported. Raises Fault where it cannot be installed.
    """
    python = python_of(name)
    if Path(sys.prefix).resolve() != python.parents[1].resolve():
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv(python, [str(python), "-m", "bench", *sys.argv[1:]])


def run_in_group(name: str, *arguments: str) -> None:
    """Run another command in the group's environment and wait for it; raises Fault if it fails."""
    if subprocess.run([python_of(name), "-m", "bench", *arguments], cwd=ROOT, check=False).returncode:
        raise Fault(f"`python -m bench {' '.join(arguments)}` failed: see above")


def python_of(name: str) -> Path:
    """The Python of the group's environment, which is made if it is not there; raises Fault."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    setup = [str(PYTHON), "-I", "bench/host/uv.py", "group", name]
    if subprocess.run(setup, cwd=ROOT, env=environment, stdout=sys.stderr, check=False).returncode:
        raise Fault(f"the packages of groups/{name}.lock could not be installed: see above")
    return ROOT / ".venvs" / f"{PYTHON.parents[1].name}-{name}" / "bin" / "python"
