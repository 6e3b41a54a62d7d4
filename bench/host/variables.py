"""The harness's environment -> what servers get of it."""

import os

STRANGE = ("PATH", "HOME", "SAFEPATH", "STARTUP", "INSPECT", "EXECUTABLE", "PLATLIBDIR", "USERBASE", "NOUSERSITE")
NOISY = ("DEBUG", "DEVMODE", "ASYNCIODEBUG", "TRACEMALLOC", "VERBOSE", "PROFILEIMPORTTIME", "DUMPREFS", "WARNINGS")


def clean_environment() -> dict[str, str]:
    """The harness's environment without what makes a Python find other code, stop at a prompt, or watch itself."""
    unwanted = {f"PYTHON{each}" for each in (*STRANGE, *NOISY)}
    return {name: value for name, value in os.environ.items() if name not in unwanted}
