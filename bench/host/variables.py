"""The harness's environment -> the part of it that servers get."""

import os

STRANGE = ("PATH", "HOME", "SAFEPATH", "STARTUP", "INSPECT", "EXECUTABLE", "PLATLIBDIR", "USERBASE", "NOUSERSITE")
NOISY = ("DEBUG", "DEVMODE", "ASYNCIODEBUG", "TRACEMALLOC", "VERBOSE", "PROFILEIMPORTTIME", "DUMPREFS", "WARNINGS")


def clean_environment() -> dict[str, str]:
    """The harness's environment, minus variables that make Python import other code, prompt, trace or debug."""
    unwanted = {f"PYTHON{each}" for each in (*STRANGE, *NOISY)}
    return {name: value for name, value in os.environ.items() if name not in unwanted}
