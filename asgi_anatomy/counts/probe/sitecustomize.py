"""Counts Python calls and bytecodes inside a server, by sys.monitoring, between two signals.

Python imports a module of this name when it starts, if its folder is on PYTHONPATH. The first of the two
ANATOMY_SIGNALS starts a count, the second ends it. Each is acknowledged by a file in ANATOMY_FOLDER: `on-N-PID`, and
`off-N-PID` with the tree of calls as JSON. `ready-PID` says that a process handles the signals.
The garbage collector is off during a count: when it runs does not depend on the request.
"""

import gc
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

FOLDER = Path(os.environ["ANATOMY_FOLDER"])
TOOL = sys.monitoring.PROFILER_ID
EVENTS = sys.monitoring.events


class Node:
    """A function as called from one place in the tree: its own calls and bytecodes."""

    __slots__ = ("bytecodes", "calls", "children", "code")

    def __init__(self, code: CodeType | None) -> None:
        self.code = code
        self.calls = 0
        self.bytecodes = 0
        self.children: dict[CodeType, Node] = {}

    def child(self, code: CodeType) -> "Node":
        """The node of a function called from here."""
        if (found := self.children.get(code)) is None:
            found = self.children[code] = Node(code)
        return found

    def plain(self) -> dict[str, Any]:
        """As a JSON object."""
        code = self.code
        return {
            "file": code.co_filename if code else "",
            "function": code.co_qualname if code else "",
            "calls": self.calls,
            "bytecodes": self.bytecodes,
            "children": [child.plain() for code, child in self.children.items() if code.co_filename != __file__],
        }


root = Node(None)
stacks: dict[int, list[Node]] = {}
number = 0


def stack() -> list[Node]:
    """The functions now running in this thread that were entered since the count began."""
    return stacks.setdefault(threading.get_ident(), [root])


def above(frame: FrameType) -> list[Node]:
    """The functions now running, down to the caller of a frame: those that were left without an event are dropped."""
    running = stack()
    caller = frame.f_back.f_code if frame.f_back else None
    while len(running) > 1 and running[-1].code is not caller:
        running.pop()
    return running


def enter(code: CodeType, _offset: int) -> None:
    """A function starts."""
    running = above(sys._getframe(1))
    running.append(running[-1].child(code))
    running[-1].calls += 1


def resume(code: CodeType, *_: object) -> None:
    """A coroutine or a generator resumes."""
    running = above(sys._getframe(1))
    running.append(running[-1].child(code))


def leave(code: CodeType, *_: object) -> None:
    """A function returns, yields, or is left by an exception."""
    running = stack()
    if running[-1].code is code:
        running.pop()


def step(code: CodeType, _offset: int) -> None:
    """One bytecode; those before a function's RESUME arrive before its `enter`."""
    top = stack()[-1]
    (top if top.code is code else above(sys._getframe(1))[-1].child(code)).bytecodes += 1


CALLBACKS: dict[int, Callable[..., None]] = {
    EVENTS.PY_START: enter,
    EVENTS.PY_RESUME: resume,
    EVENTS.PY_THROW: resume,
    EVENTS.PY_RETURN: leave,
    EVENTS.PY_YIELD: leave,
    EVENTS.PY_UNWIND: leave,
    EVENTS.INSTRUCTION: step,
}


def begin(_signal: int, _frame: FrameType | None) -> None:
    """Start a new count."""
    global root, number
    number += 1
    root = Node(None)
    stacks.clear()
    gc.collect()
    gc.disable()
    if not sys.monitoring.get_tool(TOOL):
        sys.monitoring.use_tool_id(TOOL, "asgi-anatomy")
        for event, callback in CALLBACKS.items():
            sys.monitoring.register_callback(TOOL, event, callback)
    (FOLDER / f"on-{number}-{os.getpid()}").touch()
    sys.monitoring.set_events(TOOL, sum(CALLBACKS))


def end(_signal: int, _frame: FrameType | None) -> None:
    """End the count and write it."""
    sys.monitoring.set_events(TOOL, 0)
    gc.enable()
    part = FOLDER / f"part-{os.getpid()}"
    part.write_text(json.dumps(root.plain()))
    part.rename(FOLDER / f"off-{number}-{os.getpid()}")


def ready() -> None:
    """Say that this process handles the signals."""
    (FOLDER / f"ready-{os.getpid()}").touch()


for which, handler in zip(os.environ["ANATOMY_SIGNALS"].split(), (begin, end), strict=True):
    signal.signal(int(which), handler)
ready()
os.register_at_fork(after_in_child=ready)
