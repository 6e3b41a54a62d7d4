"""Programs that do not come with Python: found, or installed by scripts/tools.sh where that is allowed."""

import shutil
import subprocess
import sys

from asgi_anatomy.errors import BadInput
from asgi_anatomy.suite.layers import ROOT

COUNTERS = ("valgrind", "strace")
"""What counts with: without one, an anatomy says what it had to leave out."""


def install(*names: str) -> None:
    """Install the programs that are missing; raises BadInput with what to type where that is not possible."""
    if not all(map(shutil.which, names)) and (failure := _run(*names)):
        raise BadInput(failure)


def try_to_install(*names: str) -> None:
    """Install those of the programs that are missing and can be had; of the others, a note on standard error."""
    if not all(map(shutil.which, names)):
        _run("--try", *names)


def _run(*words: str) -> str:
    """Run tools.sh, passing on what it prints; returns its error message, without `error: `."""
    failure = ""
    with subprocess.Popen(
        ["/bin/sh", str(ROOT / "scripts" / "tools.sh"), *words], stderr=subprocess.PIPE, text=True, errors="replace"
    ) as process:
        assert process.stderr
        for line in process.stderr:
            if line.startswith("error: "):
                failure = line.removeprefix("error: ").strip()
            else:
                sys.stderr.write(line)
    return failure or ("scripts/tools.sh failed" if process.returncode else "")
