"""The guardian of each thread: started when it is first needed, and ended with its thread's work."""

import os
import threading

from bench.host.children import Guard

_guards: dict[int, Guard] = {}


def guard() -> Guard:
    """The guardian of this thread, started when it is first needed.

    Every thread has its own, so that jobs side by side share neither answers nor what is left behind. It ends with the
    process at the latest, whichever that is: the suite's own, or a worker that somebody else started.
    """
    thread = threading.get_ident()
    if thread not in _guards:
        _guards[thread] = Guard()
    return _guards[thread]


def release(thread: int | None = None) -> None:
    """Close the guardian of a thread (by default this one), if it has one: the next `guard` starts another."""
    if found := _guards.pop(thread or threading.get_ident(), None):
        found.close()


def renew() -> None:
    """Release this thread's guardian if it is lost."""
    if (found := _guards.get(threading.get_ident())) and found.lost:
        release()


def interrupt(thread: int) -> None:
    """End what a thread has started, so that whatever it waits for fails at once."""
    if found := _guards.get(thread):
        found.close()


def _abandon() -> None:
    """After a fork: the guardians are the parent's."""
    for each in _guards.values():
        each.abandon()
    _guards.clear()


os.register_at_fork(after_in_child=_abandon)
