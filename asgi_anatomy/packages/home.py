"""What the tool does that is installed from a wheel: it unpacks itself into the user's cache, and runs from there.

It is laid out there as in a clone: what is measured is the same, from the environment that requirements.lock pins, and
nothing writes into site-packages. Records go to results/ in the current folder. Only the standard library is imported
here, as the environment that a wheel is installed into need not have what the tool uses.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import distribution
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
BUNDLE = PACKAGE / "bundle"
"""What stands beside the package in a clone: [tool.hatch.build.targets.wheel] in pyproject.toml. Not there in one."""


def run_from_cache() -> int:
    """Run the command line from the cache, in the pinned environment, which is made first where it is missing.

    Returns the exit code of a set-up that fails; otherwise this process becomes the one that runs it.
    """
    try:
        home = unpack(cache())
    except OSError as error:
        print(f"error: cannot unpack into {cache()}: {error.strerror} ({error.filename})", file=sys.stderr)
        return 1
    setup = ["sh", str(home / "scripts" / "setup.sh"), sys.executable]
    if code := subprocess.run(setup, stdout=sys.stderr, check=False).returncode:
        return code
    python = (home / ".venv").resolve() / "bin" / "python"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    if "PYTHONHASHSEED" in os.environ:
        environment["PYTHONHASHSEED"] = os.environ["PYTHONHASHSEED"]
    # Modules come from there and not from the current folder, which may be a checkout of one of them.
    environment |= {"PYTHONPATH": str(home), "PYTHONSAFEPATH": "1"}
    os.execve(python, [str(python), "-m", "asgi_anatomy", *sys.argv[1:]], environment)


def cache() -> Path:
    """The tool's folder in the user's cache."""
    usual = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    return Path(os.environ.get("XDG_CACHE_HOME") or usual) / "asgi-anatomy"


def unpack(place: Path) -> Path:
    """The folder of this very wheel below `place`, filled unless it is there. Raises OSError."""
    wheel = distribution("asgi-anatomy")
    files = [line for line in (wheel.read_text("RECORD") or "").splitlines() if line.startswith("asgi_anatomy/")]
    contents = "\n".join(sorted(line for line in files if "__pycache__" not in line))
    home = place / f"{wheel.version}-{hashlib.sha256(contents.encode()).hexdigest()[:8]}"
    if home.is_dir():
        return home
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place, prefix=".new-") as folder:
        new = Path(folder, home.name)
        shutil.copytree(PACKAGE, new / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__", BUNDLE.name))
        shutil.copytree(BUNDLE, new, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        try:
            new.rename(home)
        except OSError:
            if not home.is_dir():  # or another one was as quick
                raise
    return home
