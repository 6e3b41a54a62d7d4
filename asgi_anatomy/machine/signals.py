"""Signals -> Stopped, raised only when nothing is half started or half ended."""

import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from asgi_anatomy.errors import Stopped

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
MAKE = "MAKE_PID"
"""The variable with the number of the make that started this process, if one did."""
followed: dict[str, str] = {}
"""The same for what this process becomes by an exec."""
POLL = 0.25  # seconds between two looks at make
_held = 0
_pending: list[int] = []
_hooks: "list[Callable[[sys.UnraisableHookArgs], object]]" = []


def stop_on_signals() -> None:
    """Turn Ctrl-C, TERM, HUP and QUIT into `Stopped`, so that everything that was started is ended on the way out.

    A signal that is ignored, like HUP under nohup, stays ignored. After KILL, which cannot be caught, the guardian
    cleans up.
    """
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
    if sys.unraisablehook is not _raise_again:
        _hooks.append(sys.unraisablehook)
        sys.unraisablehook = _raise_again


def follow_make() -> None:
    """Get the signals of the make that started this process, if one did: by itself it only passes on TERM."""
    if make := os.environ.pop(MAKE, ""):
        followed[MAKE] = make
        threading.Thread(target=_follow, args=(int(make),), daemon=True).start()


def _follow(make: int) -> None:
    """Wait until make ends, or has got a signal and now waits for its children."""
    while os.getppid() == make and not (got := _handled(make)):
        time.sleep(POLL)
    number = got[0] if os.getppid() == make else signal.SIGTERM
    signal.pthread_kill(threading.main_thread().ident or 0, number)


def _handled(pid: int) -> list[signal.Signals]:
    """The signals in whose handler make is: blocked, and caught no more. None where /proc does not tell."""
    try:
        masks = re.findall(r"^Sig(?:Blk|Ign|Cgt):\s*(\w+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
        blocked, ignored, caught = (int(mask, 16) for mask in masks)
    except (OSError, ValueError):
        return []
    return [each for each in SIGNALS if (blocked & ~ignored & ~caught) >> each - 1 & 1]


def _raise_again(failure: "sys.UnraisableHookArgs") -> None:
    """Raise a `Stopped` anew that came while Python finalised an object: what is raised there goes no further."""
    if isinstance(stopped := failure.exc_value, Stopped):
        signal.signal(signal.SIGALRM, lambda _, frame: _stop(stopped.number, frame))
        signal.setitimer(signal.ITIMER_REAL, 0.01)  # not now: that would be lost as well
    else:
        _hooks[-1](failure)


def _stop(number: int, _frame: FrameType | None) -> None:
    for ignored in SIGNALS:
        signal.signal(ignored, signal.SIG_IGN)  # an impatient second Ctrl-C must not interrupt the clean-up
    if _held:
        _pending.append(number)
    else:
        raise Stopped(number)


@contextmanager
def held() -> Iterator[None]:
    """Hold signals back: one that arrives is raised as `Stopped` at the end. For starting and ending processes.

    Signals are handled in the main thread alone, so in others there is nothing to hold back.
    """
    global _held
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _held += 1
    try:
        yield
    finally:
        _held -= 1
        if _pending and not _held:  # also where starting or ending failed: nobody else would say it
            raise Stopped(_pending.pop())
