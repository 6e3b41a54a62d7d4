"""The command line: `python -m asgi_anatomy --help`. `make help` lists the same commands as make targets."""

import os
import signal
import sys

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback for Ctrl-C during the imports below

from asgi_anatomy.packages import home, uv

LITTLE = "out of memory: is there a limit? see `ulimit -v`"


def open_streams() -> None:
    """Have closed standard streams lead to /dev/null: else the next socket or record gets the number of one."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, number)  # by which children inherit it
            if null != number:
                os.close(null)
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115


def main() -> int:
    """Run the command line; returns the exit code."""
    open_streams()
    if home.BUNDLE.is_dir():
        return home.run_from_cache()
    try:
        uv.use()
        from asgi_anatomy.cli import run

        return run()
    except uv.SetupError as error:
        sys.exit(f"error: {error}")
    except (MemoryError, SystemError) as error:
        sys.exit(f"error: {LITTLE} ({type(error).__name__})")
    except ImportError as error:
        if (error.name or "").partition(".")[0] in ("asgi_anatomy", "servers", "share"):
            raise
        first: BaseException = error
        while first.__cause__ or first.__context__:  # numpy puts a text of its own in place of the cause
            first = first.__cause__ or first.__context__ or first
        what = str(first).strip().partition("\n")[0]
        if isinstance(first, MemoryError) or "map segment" in what or "allocate memory" in what:
            sys.exit(f"error: {LITTLE} ({what})")
        sys.exit(f"error: {what}: packages of requirements.lock are missing in {sys.prefix}: type `make clean setup`")


if __name__ == "__main__":
    sys.exit(main())
