"""Files that appear whole or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


def write_whole(data: bytes, path: Path) -> None:
    """Write a file, in a folder that is made if need be; raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(data, path.parent) as temporary:
        temporary.replace(path)


@contextlib.contextmanager
def whole(data: bytes, folder: Path) -> Iterator[Path]:
    """A complete temporary file in a folder, to be renamed: so a file appears whole or not at all. Raises OSError."""
    handle, name = tempfile.mkstemp(dir=folder, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
        Path(name).chmod(0o644)
        yield Path(name)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
