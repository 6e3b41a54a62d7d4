"""A script that another Python runs -> the JSON value in its last line."""

import os
import subprocess
from collections.abc import Mapping, Sequence

import msgspec

from bench.data.errors import Fault
from bench.data.toml import short


def ask[T](
    argv: Sequence[str | os.PathLike[str]],
    kind: type[T],
    seconds: float = 30.0,
    environment: Mapping[str, str] | None = None,
    folder: str | os.PathLike[str] | None = None,
) -> T:
    """Run a Python in an environment and a folder, by default the harness's; returns the value that it printed last.

    Raises Fault if it cannot be run, fails, takes longer than this, or prints anything else.
    """
    try:
        said = subprocess.run(
            argv, env=environment, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=True,
            timeout=seconds,
        ).stdout  # fmt: skip
        return msgspec.json.decode(said.splitlines()[-1], type=kind)
    except subprocess.TimeoutExpired:
        why = f"no answer within {seconds:.0f} s"
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode(errors="replace").strip().splitlines()
        why = short(lines[-1], 200) if lines else f"exit code {error.returncode}"
    except (OSError, IndexError, msgspec.DecodeError) as error:
        why = short(str(error), 200)
    raise Fault(f"{os.fspath(argv[0])}: {why}")
